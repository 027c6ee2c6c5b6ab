"""test_figure_quality.py DRAW-QUALITY: the files as other programs see them.

Fonts, text, sizes, metadata and pixels, by poppler (pdffonts, pdftotext, pdfinfo, pdftoppm), librsvg
(rsvg-convert) and Pillow.  A test whose tool is missing is skipped.
"""
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml
from pathlib import Path

try:
    import numpy
    from PIL import Image, ImageFilter
    Image.MAX_IMAGE_PIXELS = None
except ImportError:
    numpy = None

SVG = "{http://www.w3.org/2000/svg}"
DC = "{http://purl.org/dc/elements/1.1/}"
RESOLUTIONS = (37, 72, 113, 150, 301)  # most of them put no edge of a cell on a pixel
# What is left of the hostile name where nothing but text may be.
HOSTILE = "<script>&amp;\"'\ufffd\ufffd]0;x\ufffd--></title>"


class Skip(Exception):
    pass


def tool(name):
    if shutil.which(name) is None:
        raise Skip(f"no {name} here")
    return name


def pictures():
    if numpy is None:
        raise Skip("no numpy or Pillow here")


def output(*command):
    return subprocess.run([str(word) for word in command], check=True, capture_output=True,
                          text=True).stdout


def draw(program, folder):
    folder.mkdir()
    boxes = {}
    for line in output(program, folder).splitlines():
        name, *box = line.split("\t")
        boxes[name] = [float(number) for number in box]
    return boxes


# ---- PDF --------------------------------------------------------------------------------------

def test_fonts_are_embedded(figures):
    """PDF: every font is embedded, none is Type 3"""
    tool("pdffonts")
    for path in figures.folder.glob("*.pdf"):
        lines = output("pdffonts", path).splitlines()[2:]
        assert lines, path
        for line in lines:
            assert "Type 3" not in line, f"{path.name}: {line}"
            embedded, subset = line.split()[-5:-3]
            assert (embedded, subset) == ("yes", "yes"), f"{path.name}: {line}"


def test_text_stays_text(figures):
    """PDF: labels, ticks and values can be found"""
    tool("pdftotext")
    text = output("pdftotext", figures.folder / "values.pdf", "-")
    for label in ("Layer index", "Head index", "Head entropy (nats)", "SM+LN+G", "step 2000"):
        assert label in text, label
    assert len(re.findall(r"\b\d\.\d\d\b", text)) >= 144


def test_sizes(figures):
    """files are small"""
    limits = {"values.pdf": 60e3, "six-64.pdf": 400e3, "values.svg": 200e3, "six-values.svg": 200e3,
              "six-64.svg": 200e3, "six-32.svg": 200e3, "values.png": 200e3}
    for name, limit in limits.items():
        size = (figures.folder / name).stat().st_size
        print(f"# {name}: {size}")
        assert size < limit, f"{name}: {size}"


def test_pdf_metadata(figures):
    """PDF: metadata names the tool, the run, the step and how to redraw"""
    tool("pdfinfo")
    text = output("pdfinfo", figures.folder / "values.pdf")
    for line in (r"Title: +Entropy of each attention head at step 2000",
                 r"Subject: +headwise-entropy of SM\+LN\+G at step 2000",
                 r"Keywords: +redraw: entroscope plot headwise-entropy",
                 r"Creator: +entroscope \d", r"CreationDate: +\w+ Sep +9 01:46:40 2001"):
        assert re.search(line, text), f"{line} in\n{text}"


def pdf_page(figures, name, dpi):
    target = figures.scratch / f"{name}-{dpi}"
    output(tool("pdftoppm"), "-r", dpi, "-png", "-singlefile", figures.folder / f"{name}.pdf", target)
    return Image.open(f"{target}.png").convert("RGB")


def svg_page(figures, name, dpi):
    target = figures.scratch / f"{name}-{dpi}.svg.png"
    output(tool("rsvg-convert"), "-d", dpi, "-p", dpi, figures.folder / f"{name}.svg", "-o", target)
    return Image.open(target).convert("RGB")


def check_flat(image, box, dpi, name):
    """All pixels within the box, but for one at its edges, have the colour of its middle."""
    x, y, width, height = (length * dpi / 72 for length in box)
    pixels = numpy.asarray(image).astype(int)
    inside = pixels[int(y) + 2:int(y + height) - 1, int(x) + 2:int(x + width) - 1]
    off = numpy.abs(inside - inside[inside.shape[0] // 2, inside.shape[1] // 2]).max(axis=2)
    assert inside.min(axis=2).max() < 128, f"{name}: these cells should be dark"
    assert off.max() <= 4, f"{name} at {dpi} dpi: {(off > 4).sum()} pixels differ by up to {off.max()}"


def test_no_hairlines_in_pdf(figures):
    """PDF: nothing shines through between cells, at any resolution"""
    pictures()
    for name in ("flat-12", "flat-7x13", "flat-64"):
        for dpi in RESOLUTIONS:
            check_flat(pdf_page(figures, name, dpi), figures.boxes[name], dpi, name + ".pdf")


def test_no_hairlines_in_svg(figures):
    """SVG: nothing shines through between cells, at any resolution"""
    pictures()
    for name in ("flat-12", "flat-7x13", "flat-64"):
        for dpi in RESOLUTIONS:
            check_flat(svg_page(figures, name, dpi), figures.boxes[name], dpi, name + ".svg")


def test_a_hairline_would_be_found(figures):
    """the same test finds a hairline of a tenth of white"""
    pictures()
    image = svg_page(figures, "flat-12", 150)
    x, y, width, height = (length * 150 / 72 for length in figures.boxes["flat-12"])
    column = int(x + width / 3)
    for row in range(int(y), int(y + height)):
        image.putpixel((column, row), tuple((9 * c + 255) // 10 for c in image.getpixel((column, row))))
    try:
        check_flat(image, figures.boxes["flat-12"], 150, "flat-12")
    except AssertionError:
        return
    raise AssertionError("it was not found")


# ---- SVG --------------------------------------------------------------------------------------

def test_svg_text_is_text(figures):
    """SVG: every line of text is an element that keeps to its length"""
    root = xml.parse(figures.folder / "values.svg").getroot()
    texts = root.findall(f".//{SVG}text")
    shown = [element.text for element in texts]
    for label in ("Layer index", "Head index", "Head entropy (nats)", "SM+LN+G"):
        assert label in shown, label
    assert len([text for text in shown if re.fullmatch(r"\d\.\d\d", text)]) == 144
    assert all(float(element.get("textLength")) > 0 for element in texts)
    assert root.get("font-family") == "'DejaVu Sans',sans-serif"
    assert "symbol" not in (figures.folder / "values.svg").read_text()


def test_svg_names_itself(figures):
    """SVG: title, description, role, label and metadata"""
    root = xml.parse(figures.folder / "values.svg").getroot()
    title = "Entropy of each attention head at step 2000"
    assert root.get("role") == "img" and root.get("aria-label") == title
    assert root.find(f"{SVG}title").text == title
    assert root.find(f"{SVG}desc").text == "headwise-entropy of SM+LN+G at step 2000"
    assert root.find(f".//{DC}source").text.startswith("entroscope plot headwise-entropy")
    assert root.find(f".//{DC}date").text == "2001-09-09T01:46:40Z"
    assert root.find(f".//{DC}publisher").text.startswith("entroscope ")


def test_svg_hostile_names(figures):
    """SVG: hostile names are text, and the file is well-formed"""
    for path in figures.folder.glob("*.svg"):
        root = xml.parse(path).getroot()  # raises if it is not
        assert {element.tag.split("}")[1] for element in root.iter()}.isdisjoint({"script", "a"})
        links = [value for element in root.iter() for key, value in element.items() if "href" in key]
        assert all(link.startswith("data:image/png;base64,") for link in links), path
        ids = [element.get("id") for element in root.iter() if element.get("id")]
        assert len(ids) == len(set(ids)), path
        used = set(re.findall(r"url\(#([^)]*)\)", path.read_text(encoding="utf-8")))
        assert used == set(ids), f"{path}: {used} of {ids}"
    root = xml.parse(figures.folder / "hostile.svg").getroot()
    assert root.get("aria-label") == HOSTILE
    assert root.find(f"{SVG}title").text == HOSTILE


def test_svg_right_to_left(figures):
    """SVG: text that reads from the right is in logical order and says so"""
    root = xml.parse(figures.folder / "arabic.svg").getroot()
    lines = [element for element in root.iter(f"{SVG}text") if "abc" in element.text]
    assert len(lines) == 2
    for line in lines:
        assert line.text == "مرحبا abc" and line.get("direction") == "rtl"


def blurred(image):
    return numpy.asarray(image.filter(ImageFilter.GaussianBlur(1.5))).astype(int)


def test_svg_looks_like_png(figures):
    """SVG and PNG of the same figure look alike"""
    pictures()
    for path in sorted(figures.folder.glob("*.svg")):
        one = Image.open(path.with_suffix(".png")).convert("RGB")
        other = svg_page(figures, path.stem, 150)
        assert max(abs(a - b) for a, b in zip(one.size, other.size)) <= 1, path
        paper = Image.new("RGB", one.size, "white")
        paper.paste(other)
        off = numpy.abs(blurred(one) - blurred(paper)).max(axis=2)
        share = (off > 48).mean()
        print(f"# {path.stem}: {100 * share:.3f} % of the pixels, by up to {off.max()}")
        assert share < 0.003, f"{path.stem}: {100 * share:.2f} % of the pixels differ"


# ---- PNG and all ------------------------------------------------------------------------------

def test_png_metadata(figures):
    """PNG: resolution, tool, run, step and how to redraw"""
    pictures()
    image = Image.open(figures.folder / "values.png")
    assert all(abs(dpi - 150) < 0.1 for dpi in image.info["dpi"]), image.info["dpi"]
    assert image.mode == "RGB"
    assert image.info["Title"] == "Entropy of each attention head at step 2000"
    assert image.info["Description"] == "headwise-entropy of SM+LN+G at step 2000"
    assert image.info["Comment"].startswith("redraw: entroscope plot headwise-entropy")
    assert image.info["Software"].startswith("entroscope ")
    assert image.info["Creation Time"] == "2001-09-09T01:46:40Z"
    assert Image.open(figures.folder / "arabic.png").info["Title"] == "مرحبا abc"
    assert Image.open(figures.folder / "hostile.png").info["Title"] == HOSTILE


def test_width_of_a_preset(figures):
    """a preset's width is exact, also with little on the page"""
    for name, inches in (("neurips", 5.5), ("flat-7x13", 3.25), ("slides", 10)):
        root = xml.parse(figures.folder / f"{name}.svg").getroot()
        assert root.get("width") == f"{inches * 72:g}pt", root.get("width")
        pdf = (figures.folder / f"{name}.pdf").read_bytes()
        box = re.search(rb"/MediaBox \[ 0 0 ([\d.]+)", pdf)
        assert abs(float(box[1]) - inches * 72) < 1e-3, box[1]


def test_same_bytes(figures):
    """another process writes the same bytes"""
    again = figures.scratch / "again"
    draw(figures.program, again)
    files = sorted(path.name for path in figures.folder.iterdir())
    assert files == sorted(path.name for path in again.iterdir())
    for name in files:
        assert (figures.folder / name).read_bytes() == (again / name).read_bytes(), name


class Figures:
    def __init__(self, program, scratch):
        self.program, self.scratch, self.folder = program, scratch, scratch / "figures"
        self.boxes = draw(program, self.folder)


def main():
    tests = [value for name, value in globals().items() if name.startswith("test_")]
    failed = 0
    print(f"1..{len(tests)}")
    with tempfile.TemporaryDirectory(prefix="figure-quality-") as scratch:
        figures = Figures(Path(sys.argv[1]).resolve(), Path(scratch))
        for number, test in enumerate(tests, 1):
            try:
                test(figures)
                print(f"ok {number} {test.__doc__}")
            except Skip as reason:
                print(f"ok {number} {test.__doc__} # SKIP {reason}")
            except Exception as error:  # pylint: disable=broad-except
                failed += 1
                print(f"not ok {number} {test.__doc__}\n# {type(error).__name__}: {error}")
    return min(failed, 1)


sys.exit(main())
