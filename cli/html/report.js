// report.js: the slider over captures, the colours of the maps, and the numbers of one head.
//
// Everything else of the page stands without it.  Text is set as text, never as markup: names in
// the data are not this program's.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const digit = new Map([...data.digits].map((character, value) => [character, value]));
  const base = data.digits.length;
  const svgSpace = "http://www.w3.org/2000/svg";

  // ---- values, as html-map-data.c writes them ----

  const ABSENT = Symbol("not there");

  function real(code) {
    if (code === 2) return 0;
    const mantissa = (code - 3) % 9000 + 1000;
    const rest = Math.floor((code - 3) / 9000);
    return Number(`${rest % 2 ? "-" : ""}${mantissa}e${Math.floor(rest / 2) - 22 - 3}`);
  }

  // A number, null where there is none, ABSENT where the head is not there.
  function valueAt(run, column, position, head) {
    if (column.codes === undefined) return column.low;
    const from = (position * run.heads.length + head) * column.width;
    let code = 0;
    for (let i = from; i < from + column.width; i++) code = code * base + digit.get(column.codes[i]);
    if (code < 2) return code === 0 ? ABSENT : null;
    return column.count ? code - 2 : real(code);
  }

  function format(value) {
    if (value === ABSENT) return "not there";
    if (value === null) return "no value";
    return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
  }

  const withUnit = (text, unit) => (unit ? `${text} ${unit}` : text);

  // One scale for all runs, so that colours can be compared: entropies to the largest possible.
  // No head of any run has a value: to null.
  function domainOf(name) {
    if (name === "entropy_mean" && data.scale > 0) return [0, data.scale];
    const columns = [].concat(...data.runs.map((run) => run.columns))
      .filter((column) => column.name === name && column.high !== null);
    if (columns.length === 0) return [0, null];
    return [Math.min(0, ...columns.map((column) => column.low)),
      Math.max(...columns.map((column) => column.high))];
  }

  function colourOf(value, [low, high], none) {
    if (value === ABSENT) return "none";
    if (value === null) return none;
    const t = high > low ? (value - low) / (high - low) : 0;
    return data.colours[Math.round(Math.min(Math.max(t, 0), 1) * (data.colours.length - 1))];
  }

  function element(name, text, className) {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  }

  // ---- one map ----

  class HeadMap {
    constructor(run) {
      this.run = run;
      this.root = document.getElementById(run.id);
      this.find = (selector) => this.root.querySelector(selector);
      this.slider = this.find("input[type=range]");
      this.select = this.find("select");
      this.svg = this.find(".heads");
      this.cells = [...this.find(".cells").children];
      this.indexOf = new Map(this.cells.map((cell, index) => [cell, index]));
      this.head = 0; // the one that Tab leads to
      this.shown = null; // the one whose numbers are shown
      this.position = run.steps.length - 1;
      this.column = run.columns.find((column) => column.name === "entropy_mean") || run.columns[0];
      this.prepare();
      this.listen();
      this.draw();
    }

    prepare() {
      for (const column of this.run.columns) {
        if (column.codes === undefined && column !== this.column) continue;
        const option = element("option", column.title);
        option.value = column.name;
        option.selected = column === this.column;
        this.select.append(option);
      }
      this.slider.disabled = this.run.steps.length < 2;
      this.slider.value = this.position; // browsers keep it over a reload
      for (const cell of this.cells) cell.replaceChildren(); // titles of the last capture
      this.svg.querySelector("title").remove();
      this.svg.setAttribute("role", "group");
      this.cells[0].setAttribute("tabindex", "0");
      for (let i = 0; i < 2; i++) {
        const cursor = document.createElementNS(svgSpace, "rect");
        cursor.setAttribute("class", "cursor");
        cursor.setAttribute("visibility", "hidden");
        this.find(".cells").append(cursor);
      }
      this.cursors = [...this.root.querySelectorAll(".cursor")];
      this.readout = this.find(".readout");
      this.readout.setAttribute("aria-live", "polite");
      this.readout.append(element("p", "Point at a cell for its numbers.", "note"));
    }

    listen() {
      this.slider.addEventListener("input", () => this.goTo(Number(this.slider.value), true));
      this.find(".back").addEventListener("click", () => this.goTo(this.position - 1, true));
      this.find(".on").addEventListener("click", () => this.goTo(this.position + 1, true));
      this.select.addEventListener("change", () => {
        this.column = this.run.columns.find((column) => column.name === this.select.value);
        this.draw();
      });
      // on the figure: an <svg> that listens to focus would be a stop of Tab itself
      const figure = this.find(".map");
      figure.addEventListener("pointerover", (event) => this.show(this.indexOf.get(event.target)));
      figure.addEventListener("click", (event) => this.focus(this.indexOf.get(event.target)));
      figure.addEventListener("focusin", (event) => this.show(this.indexOf.get(event.target)));
      figure.addEventListener("keydown", (event) => this.press(event));
    }

    goTo(position, byHand) {
      this.position = Math.min(Math.max(position, 0), this.run.steps.length - 1);
      this.slider.value = this.position;
      this.draw();
      const together = document.getElementById("together");
      if (!byHand || !together || !together.checked) return;
      for (const map of maps) if (map !== this) map.goToStep(this.run.steps[this.position]);
    }

    // The capture nearest to the step.
    goToStep(step) {
      const distances = this.run.steps.map((own) => Math.abs(own - step));
      this.goTo(distances.indexOf(Math.min(...distances)), false);
    }

    // ---- the keyboard ----

    focus(head) {
      if (head === undefined) return;
      this.cells[this.head].setAttribute("tabindex", "-1");
      this.head = head;
      this.cells[head].setAttribute("tabindex", "0");
      this.cells[head].focus({ preventScroll: true });
    }

    // The nearest head in the next layer up (-1) or down (1).
    across(direction) {
      const { layers, heads } = this.run;
      let found;
      for (let i = this.head + direction; i >= 0 && i < layers.length; i += direction) {
        if (layers[i] === layers[this.head]) continue;
        if (found !== undefined && layers[i] !== layers[found]) break;
        const distance = (k) => Math.abs(heads[k] - heads[this.head]);
        if (found === undefined || distance(i) < distance(found)) found = i;
      }
      return found;
    }

    along(direction) {
      const next = this.head + direction;
      return this.run.layers[next] === this.run.layers[this.head] ? next : undefined;
    }

    press(event) {
      const layer = this.run.layers[this.head];
      const keys = {
        ArrowLeft: () => this.focus(this.along(-1)),
        ArrowRight: () => this.focus(this.along(1)),
        ArrowUp: () => this.focus(this.across(-1)),
        ArrowDown: () => this.focus(this.across(1)),
        Home: () => this.focus(this.run.layers.indexOf(layer)),
        End: () => this.focus(this.run.layers.lastIndexOf(layer)),
        PageUp: () => this.goTo(this.position - 1, true),
        PageDown: () => this.goTo(this.position + 1, true),
      };
      if (!keys[event.key] || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      keys[event.key]();
    }

    // ---- drawing ----

    step() {
      return this.run.steps[this.position];
    }

    draw() {
      const domain = domainOf(this.column.name);
      const none = `url(#${this.run.id}-none)`;
      this.cells.forEach((cell, head) => {
        cell.setAttribute("fill",
          colourOf(valueAt(this.run, this.column, this.position, head), domain, none));
      });
      const place = `capture ${this.position + 1} of ${this.run.steps.length}`;
      this.find("output").textContent = `${this.step()} (${place})`;
      this.slider.setAttribute("aria-valuetext", `step ${this.step()}, ${place}`);
      this.svg.setAttribute("aria-label", `${this.column.title} of each head at step ${this.step()}`);
      this.find(".what").textContent = this.column.title;
      this.find(".at").textContent = this.step();
      this.find(".low").textContent = format(domain[0]);
      this.find(".high").textContent =
        domain[1] === null ? "" : withUnit(format(domain[1]), this.column.unit);
      if (this.shown !== null) this.show(this.shown);
    }

    describe(head) {
      const value = valueAt(this.run, this.column, this.position, head);
      const number = typeof value === "number" ? withUnit(format(value), this.column.unit) : format(value);
      return `Layer ${this.run.layers[head]}, head ${this.run.heads[head]}, step ${this.step()}: `
        + `${this.column.title} ${number}`;
    }

    show(head) {
      if (head === undefined) return;
      this.shown = head;
      this.cells[head].setAttribute("role", "img");
      this.cells[head].setAttribute("aria-label", this.describe(head));
      for (const cursor of this.cursors) {
        for (const name of ["x", "y", "width", "height"]) {
          cursor.setAttribute(name, this.cells[head].getAttribute(name));
        }
        cursor.setAttribute("visibility", "visible");
      }
      this.readout.replaceChildren(element("h4",
        `Layer ${this.run.layers[head]}, head ${this.run.heads[head]}, step ${this.step()}`),
      this.listValues(head));
    }

    listValues(head) {
      const list = element("dl");
      for (const column of this.run.columns) {
        const value = valueAt(this.run, column, this.position, head);
        const number = element("dd",
          typeof value === "number" ? withUnit(format(value), column.unit) : format(value));
        const title = element("dt", column.title);
        number.dataset.column = column.name;
        for (const part of [title, number]) part.classList.toggle("chosen", column === this.column);
        list.append(title, number);
      }
      return list;
    }
  }

  document.documentElement.classList.add("js");
  const maps = data.runs.map((run) => new HeadMap(run));

  // From a finding to the map: the step where it began, and its head.
  function linkFindings(map) {
    for (const row of document.querySelectorAll(`tr[data-run="${map.run.id}"]`)) {
      const [layer, head] = [...row.cells].map((cell) => Number(cell.textContent));
      const onset = row.querySelector(".onset");
      const step = Number(onset.textContent);
      const button = element("button", onset.textContent);
      button.type = "button";
      button.title = "Show in the map";
      button.addEventListener("click", () => {
        map.goToStep(step);
        map.root.scrollIntoView();
        const at = map.run.heads.findIndex((own, i) =>
          map.run.layers[i] === layer && (own === head || Number.isNaN(head)));
        map.focus(at < 0 ? map.head : at);
      });
      onset.replaceChildren(button);
    }
  }
  maps.forEach(linkFindings);

  // Paper gets the last capture, and then the reader the one that was chosen.
  addEventListener("beforeprint", () => maps.forEach((map) => {
    map.before = map.position;
    map.goTo(map.run.steps.length - 1, false);
  }));
  addEventListener("afterprint", () => maps.forEach((map) => map.goTo(map.before, false)));
})();
