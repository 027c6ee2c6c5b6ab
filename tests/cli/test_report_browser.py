"""The page of `report --html` in a browser: slider, pointer, keyboard, print; nothing leaves the page."""
import base64
import json
import os
import re
import shutil
import sqlite3
import sys

import clitest
from clitest import test
from reportdb import HOSTILE, add_run, empty_database

try:
    from selenium import webdriver
    from selenium.common.exceptions import WebDriverException
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
except ImportError:
    webdriver = None

BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
MOST_SECONDS = 1.0  # until the page stands


def start(scratch):
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                     "--no-first-run", "--window-size=1200,900", f"--user-data-dir={scratch}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    # the same call in every version of selenium
    from selenium.webdriver.chrome.service import Service  # pylint: disable=import-outside-toplevel
    return webdriver.Chrome(options=options, service=Service(DRIVER))


driver = None  # one browser for all tests


def requests():
    """What the page asked for since the last call: addresses, but for data:."""
    found = []
    for entry in driver.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            url = message["params"]["request"]["url"]
            if not url.startswith("data:"):
                found.append(url)
    return found


def show(world, *runs, db="r.db"):
    world.run("report", *runs, "--db", db, "--html", "page.html", check=0)
    driver.get("about:blank")
    requests()
    driver.get_log("browser")
    url = (world / "page.html").as_uri()
    driver.get(url)
    assert driver.find_element(By.CSS_SELECTOR, "html.js"), "the script did not run"
    return url


def quiet(url):
    """No complaint on the console, and no request but the page's own."""
    log = [entry["message"] for entry in driver.get_log("browser")]
    assert log == [], log
    asked = set(requests())
    assert asked <= {url}, asked


def find(selector):
    return driver.find_element(By.CSS_SELECTOR, selector)


def script(text, *arguments):
    return driver.execute_script(text, *arguments)


def readout(run="run1"):
    """Column -> what is shown."""
    return script("return Object.fromEntries([...document.querySelectorAll(arguments[0])]"
                  ".map(e => [e.dataset.column, e.textContent]))", f"#{run} .readout dd")


def fills(run="run1"):
    return script("return [...document.querySelectorAll(arguments[0])].map(e => e.getAttribute('fill'))",
                  f"#{run} .cells rect:not(.cursor)")


def move_to(position, run="run1"):
    script("const s = document.querySelector(arguments[0]); s.value = arguments[1];"
           "s.dispatchEvent(new Event('input', {bubbles: true}))", f"#{run}-step", position)


def stored(path, run, step):
    """(layer, head) -> its row, in the order of the cells."""
    db = sqlite3.connect(path)
    db.row_factory = sqlite3.Row
    rows = db.execute("SELECT * FROM head_stats WHERE run_id = ? AND step = ? ORDER BY layer, head",
                      (run, step)).fetchall()
    db.close()
    return {(row["layer"], row["head"]): dict(row) for row in rows}


def agree(shown, row):
    """The numbers of the page against those of the database, to four digits."""
    n = 0
    for column, text in shown.items():
        value = row[column]
        if value is None:
            assert text == "no value", (column, text)
        else:
            number = float(text.split()[0])
            assert abs(number - value) <= 5.001e-4 * abs(value), (column, text, value)
            n += 1
    return n


def expect_colours(path, run, step, scale, name="run1"):
    palette = script("return JSON.parse(document.getElementById('data').textContent).colours")
    got = fills(name)
    rows = stored(path, run, step).values()
    assert len(got) == len(rows)
    for colour, row in zip(got, rows):
        level = row["entropy_mean"] / scale * 255
        assert any(colour == palette[min(max(k, 0), 255)]
                   for k in {int(level + 0.49), int(level + 0.51)}), (colour, level, row)


# ---- tests ----

@test
def the_slider_moves_the_map(world):
    path = empty_database(world)
    run = add_run(path, "a", 3, 4, 6)
    url = show(world, "a")
    scale = script("return JSON.parse(document.getElementById('data').textContent).scale")
    before = fills()
    expect_colours(path, run, 50, scale)
    for position in (0, 3):
        move_to(position)
        expect_colours(path, run, 10 * position, scale)
        assert find("#run1 output").text == f"{10 * position} (capture {position + 1} of 6)"
        assert find("#run1 .at").text == str(10 * position)
    move_to(5)
    assert fills() == before
    slider = find("#run1-step")
    slider.send_keys(Keys.ARROW_LEFT)
    expect_colours(path, run, 40, scale)
    assert slider.get_attribute("aria-valuetext") == "step 40, capture 5 of 6"
    find("#run1 .back").click()
    expect_colours(path, run, 30, scale)
    find("#run1 .on").click()
    find("#run1 .on").click()
    find("#run1 .on").click()  # at the end: stays
    expect_colours(path, run, 50, scale)
    quiet(url)


@test
def the_script_and_the_static_map_have_the_same_colours(world):
    path = empty_database(world)
    add_run(path, "a", 5, 7, 3, undefined=lambda step, layer, head: (layer, head) == (1, 1),
            absent=lambda step, layer, head: (layer, head) == (2, 2) and step == 20)
    show(world, "a")
    source = (world / "page.html").read_text()
    cells = re.search(r'<g class="cells".*?</g>', source, re.S)[0]
    drawn = re.findall(r'<rect [^>]*fill="([^"]*)"', cells)
    assert "none" in drawn and "url(#run1-none)" in drawn
    palette = script("return JSON.parse(document.getElementById('data').textContent).colours")
    for ours, static in zip(fills(), drawn, strict=True):  # the script has four digits of a value
        assert ours == static or abs(palette.index(ours) - palette.index(static)) <= 1, (ours, static)


@test
def without_any_value_the_map_stays_hatched(world):
    world.analyze("all-nan.h5")
    url = show(world, "all-nan")
    assert set(fills()) == {"url(#run1-none)"}, fills()
    assert find("#run1-column").get_attribute("value") == "entropy_mean"
    assert find("#run1 .high").text == ""
    ActionChains(driver).move_to_element(find("#run1 .cells rect")).perform()
    assert readout()["entropy_mean"] == "no value"
    quiet(url)


@test
def a_head_that_is_not_there_has_no_numbers(world):
    world.analyze("damaged.h5", check=3)
    url = show(world, "damaged")
    steps = script("return JSON.parse(document.getElementById('data').textContent).runs[0].steps")
    move_to(steps.index(20))
    cell = find("#run1 .cells").find_elements(By.CSS_SELECTOR, "rect:not(.cursor)")[fills().index("none")]
    script("arguments[0].dispatchEvent(new PointerEvent('pointerover', {bubbles: true}))", cell)
    assert find("#run1 .readout h4").text.startswith("Layer 1, "), find("#run1 .readout h4").text
    assert set(readout().values()) == {"not there"}, readout()
    quiet(url)


@test
def the_pointer_tells_the_numbers(world):
    path = empty_database(world)
    run = add_run(path, "a", 3, 4, 4, undefined=lambda step, layer, head: step == 10 and head == 2)
    url = show(world, "a")
    cells = driver.find_elements(By.CSS_SELECTOR, "#run1 .cells rect:not(.cursor)")
    script("arguments[0].scrollIntoView({block: 'center'})", cells[0])
    for position, index in ((3, 0), (3, 7), (1, 6), (0, 11)):
        move_to(position)
        ActionChains(driver).move_to_element(cells[index]).perform()
        layer, head, step = index // 4, index % 4, 10 * position
        assert find("#run1 .readout h4").text == f"Layer {layer}, head {head}, step {step}"
        shown = readout()
        assert {"entropy_mean", "entropy_norm", "entropy_median", "entropy_ceiling", "effective_keys",
                "max_weight", "n_nan", "n_rows"} <= set(shown)
        n = agree(shown, stored(path, run, step)[layer, head])
        assert n > 15 or (position, index) == (1, 6), (n, shown)
    move_to(2)  # the numbers follow the slider
    agree(readout(), stored(path, run, 20)[2, 3])
    quiet(url)


@test
def other_columns_colour_the_map(world):
    path = empty_database(world)
    run = add_run(path, "a", 2, 2, 3)
    url = show(world, "a")
    assert script("return document.querySelectorAll('#run1-column option').length") > 15
    script("const s = document.getElementById('run1-column'); s.value = 'max_weight';"
           "s.dispatchEvent(new Event('change'))")
    values = [row["max_weight"] for step in (0, 10, 20) for row in stored(path, run, step).values()]
    last = [row["max_weight"] for row in stored(path, run, 20).values()]
    palette = script("return JSON.parse(document.getElementById('data').textContent).colours")
    for colour, value in zip(fills(), last):
        assert abs(palette.index(colour) - value / max(values) * 255) <= 0.51
    assert find("#run1 .what").text == "Largest weight"
    assert abs(float(find("#run1 .high").text) / max(values) - 1) < 1e-3
    quiet(url)


@test
def the_keyboard_reaches_everything(world):
    path = empty_database(world)
    run = add_run(path, "a", 3, 4, 4, absent=lambda step, layer, head: layer == 1 and head > 1)
    url = show(world, "a")
    find("#run1-column").send_keys(Keys.TAB)
    active = driver.switch_to.active_element
    assert active.tag_name == "rect", active.tag_name
    place = lambda: find("#run1 .readout h4").text  # pylint: disable=unnecessary-lambda-assignment
    for key, layer, head in ((None, 0, 0), (Keys.ARROW_RIGHT, 0, 1), (Keys.ARROW_LEFT, 0, 0),
                             (Keys.ARROW_LEFT, 0, 0), (Keys.END, 0, 3), (Keys.ARROW_DOWN, 1, 1),
                             (Keys.ARROW_DOWN, 2, 1), (Keys.ARROW_DOWN, 2, 1), (Keys.HOME, 2, 0),
                             (Keys.ARROW_UP, 1, 0)):
        if key:
            driver.switch_to.active_element.send_keys(key)
        assert place() == f"Layer {layer}, head {head}, step 30", (key, place())
        agree(readout(), stored(path, run, 30)[layer, head])
        assert script("return document.querySelectorAll('.cells [tabindex=\"0\"]').length") == 1
    label = driver.switch_to.active_element.get_attribute("aria-label")
    assert label.startswith("Layer 1, head 0, step 30: Head entropy "), label
    driver.switch_to.active_element.send_keys(Keys.PAGE_UP)
    assert place() == "Layer 1, head 0, step 20"
    driver.switch_to.active_element.send_keys(Keys.TAB)
    assert driver.switch_to.active_element.tag_name != "rect"  # one stop for the whole map
    assert script("return [...document.querySelectorAll('.cursor')]"
                  ".every(c => c.getAttribute('visibility') === 'visible')")
    quiet(url)


@test
def a_finding_leads_to_its_head(world):
    world.analyze("healthy.h5", "collapsing.h5")
    url = show(world, "healthy", "collapsing")
    rows = clitest.query(world / "r.db", "SELECT layer, head, onset_step FROM findings JOIN runs ON"
                         " run_id = id WHERE name = 'collapsing' AND head IS NOT NULL")
    script("document.querySelectorAll('details').forEach(d => d.open = true)")
    seen = 0
    for row in driver.find_elements(By.CSS_SELECTOR, "tr[data-run=run2]"):
        cells = [cell.text for cell in row.find_elements(By.TAG_NAME, "td")]
        if cells[1] == "–":
            continue
        script("arguments[0].scrollIntoView({block: 'center'})", row)
        row.find_element(By.TAG_NAME, "button").click()
        place = tuple(map(int, cells[:3]))
        assert place in rows, (place, rows)
        layer, head, step = place
        assert find("#run2 .readout h4").text == f"Layer {layer}, head {head}, step {step}"
        assert driver.switch_to.active_element.tag_name == "rect"
        seen += 1
    assert seen == len(rows) > 0, (seen, rows)
    quiet(url)


@test
def runs_move_together(world):
    path = empty_database(world)
    add_run(path, "a", 2, 2, 6)
    add_run(path, "b", 3, 1, 4, seed=2)
    url = show(world, "a", "b")
    move_to(1)
    assert find("#run2 .at").text == "30"
    find("#together").click()
    move_to(2)
    assert find("#run2 .at").text == "20"
    move_to(5)
    assert find("#run2 .at").text == "30"  # the nearest that it has
    quiet(url)


@test
def hostile_names_stay_text(world):
    path = empty_database(world)
    add_run(path, HOSTILE, 2, 2, 3, config=[(HOSTILE, HOSTILE)], scalars=("loss", HOSTILE))
    add_run(path, "b", 2, 2, 3, seed=2)
    with sqlite3.connect(path) as db:
        db.execute("UPDATE metric SET title = ?, unit = ?, definition = ?", (HOSTILE,) * 3)
        db.execute("UPDATE runs SET arch = ?, source = ?", (HOSTILE, HOSTILE))
    ids = [f"#{row[0]}" for row in clitest.query(path, "SELECT id FROM runs")]
    url = show(world, *ids)
    ActionChains(driver).move_to_element(find("#run1 .cells rect")).perform()
    move_to(0)
    assert script("return document.images.length + document.scripts.length") == 2
    assert "owned" in driver.title and driver.title != "owned"
    assert "</script><img" in find("h1").text
    quiet(url)
    # what a name could not do, the policy forbids once more
    script("document.body.append(Object.assign(document.createElement('img'),"
           "{src: 'http://127.0.0.1:9/x.png'}))")
    script("document.body.insertAdjacentHTML('beforeend', '<p onclick=\"document.title=1\" id=bad>x</p>');"
           "document.getElementById('bad').click()")
    assert driver.title != "1"
    log = " ".join(entry["message"] for entry in driver.get_log("browser"))
    assert "Content Security Policy" in log, log


@test
def odd_runs_make_no_error(world):
    world.analyze("uneven.h5", "hybrid.h5", "all-nan.h5", "one-token.h5", "learned.h5", "diverged.h5")
    world.analyze("holes.h5", check=3)
    add_run(world / "r.db", "none", 2, 2, 0, scalars=())
    add_run(world / "r.db", "one", 1, 1, 1, seed=2)
    for (number,) in clitest.query(world / "r.db", "SELECT id FROM runs"):
        url = show(world, f"#{number}")
        for cell in driver.find_elements(By.CSS_SELECTOR, ".cells rect:not(.cursor)")[:3]:
            ActionChains(driver).move_to_element(cell).perform()
        if driver.find_elements(By.CSS_SELECTOR, "#run1-step"):
            move_to(0)
            names = script("return [...document.querySelectorAll('#run1-column option')].map(o => o.value)")
            for name in names:
                script("const s = document.getElementById('run1-column'); s.value = arguments[0];"
                       "s.dispatchEvent(new Event('change'))", name)
                assert "NaN" not in find("#run1 .high").text + find("#run1 .low").text, name
        quiet(url)


@test
def it_opens_in_under_a_second(world):
    path = empty_database(world)
    add_run(path, "a", 12, 12, 200, params=True, scalars=("loss", "eval_loss", "lr", "grad_norm"))
    url = show(world, "a")
    seconds = []
    for _ in range(3):
        driver.get("about:blank")
        driver.get(url)
        seconds.append(script("return performance.getEntriesByType('navigation')[0].loadEventEnd") / 1e3)
    slide = script("const s = document.getElementById('run1-step'), from = performance.now();"
                   "for (let i = 0; i < 100; i++) { s.value = i; s.dispatchEvent(new Event('input')); }"
                   "return (performance.now() - from) / 100")
    size = os.path.getsize(world / "page.html")
    print(f"# {size} bytes; open in {', '.join(f'{s:.3f}' for s in seconds)} s; a step in {slide:.2f} ms")
    assert min(seconds) < MOST_SECONDS, seconds
    assert slide < 50, slide
    quiet(url)


@test
def without_script_it_is_readable(world):
    path = empty_database(world)
    add_run(path, "a", 2, 2, 8)
    show(world, "a")
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        driver.refresh()
        page = driver.execute_cdp_cmd("DOM.getDocument", {"depth": 0})["root"]["nodeId"]

        def boxes(selector):
            nodes = driver.execute_cdp_cmd("DOM.querySelectorAll",
                                           {"nodeId": page, "selector": selector})["nodeIds"]
            shown = 0
            for node in nodes:
                try:
                    driver.execute_cdp_cmd("DOM.getBoxModel", {"nodeId": node})
                    shown += 1
                except WebDriverException:  # it has no box: it is not shown
                    pass
            return len(nodes), shown
        assert boxes("html.js") == (0, 0)
        there, shown = boxes(".controls")
        assert there > 0 and shown == 0, (there, shown)
        assert boxes(".cells rect") == (4, 4) and boxes(".keys svg") == (6, 6)
        assert boxes(".plot svg") == (3, 3) and boxes("section h2") == (8, 8)
    finally:
        driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


@test
def in_print_controls_are_gone_and_captures_are_there(world):
    path = empty_database(world)
    add_run(path, "a", 2, 2, 8)
    show(world, "a")
    move_to(0)
    script("dispatchEvent(new Event('beforeprint'))")
    assert find("#run1 .at").text == "70"
    script("dispatchEvent(new Event('afterprint'))")
    assert find("#run1 .at").text == "0"
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia",
                           {"media": "print",
                            "features": [{"name": "prefers-color-scheme", "value": "dark"}]})
    try:
        for selector in ("nav", "#run1 .controls", "#run1 .readout"):
            assert not find(selector).is_displayed(), selector
        for selector in ("#run1 .heads", "#run1 .keys svg", ".plot svg"):
            assert find(selector).is_displayed(), selector
        ground = script("return getComputedStyle(document.body).backgroundColor")
        assert ground == "rgb(255, 255, 255)", ground
    finally:
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})
    pdf = base64.b64decode(driver.execute_cdp_cmd("Page.printToPDF", {})["data"])
    assert pdf.startswith(b"%PDF") and len(pdf) > 20000


@test
def dark_and_narrow(world):
    path = empty_database(world)
    add_run(path, "a-very-long-name-" * 8, 12, 12, 3)
    add_run(path, "b", 2, 40, 3, seed=2)
    ids = [f"#{row[0]}" for row in clitest.query(path, "SELECT id FROM runs")]
    show(world, *ids)
    try:
        for width in (320, 500, 1200):
            driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                                   {"width": width, "height": 800, "deviceScaleFactor": 1,
                                    "mobile": False})
            wide = script("return document.documentElement.scrollWidth")
            assert wide <= width, (width, wide)  # tables scroll by themselves
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [
            {"name": "prefers-color-scheme", "value": "dark"}]})
        assert script("return getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    finally:
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})


def main():
    global driver
    if webdriver is None or BROWSER is None or DRIVER is None:
        print("1..0 # SKIP needs chromium, chromium-driver and python3-selenium")
        sys.exit(77)
    home = clitest.World()
    os.environ["HOME"] = str(home.path)  # nothing of it in the user's folders
    try:
        driver = start(home / "profile")
        clitest.main()
    finally:
        if driver is not None:
            driver.quit()
        shutil.rmtree(home.path, ignore_errors=True)


main()
