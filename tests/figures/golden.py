"""golden.py: samples against the pictures in golden/, which somebody has looked at.

    golden.py DRAW-SAMPLES                     test; TAP
    UPDATE=1 golden.py DRAW-SAMPLES            renews all pictures and adds those that are missing
    UPDATE=heat-1,bands-1 golden.py DRAW-SAMPLES    these alone
    golden.py DRAW-SAMPLES --sheet FILE.html   contact sheet: result, reference, difference

Letters differ a little between versions of FreeType, so both pictures are blurred by a pixel, and
a few pixels may be off.  golden/probes.tsv names places whose colour means something.  FONTCONFIG_FILE
must be that of these tests.
"""
import base64
import html
import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path

try:
    import numpy
    from PIL import Image, ImageChops, ImageFilter
except ImportError:
    print("no numpy or Pillow here")
    sys.exit(77)

GOLDEN = Path(__file__).resolve().parent / "golden"
PIXEL = 24      # of 255: by how much a blurred pixel may be off
SHARE = 0.002   # of the pixels may be off by more
PROBE = 6       # by how much the colour at a probe may be off


def draw(program, folder, names=()):
    subprocess.run([program, "--golden", folder, *names], check=True, stdout=subprocess.DEVNULL)
    return {path.stem: path for path in sorted(Path(folder).glob("*.png"))}


def picture(path):
    return Image.open(path).convert("RGB")


def blurred(image):
    return numpy.asarray(image.filter(ImageFilter.GaussianBlur(1))).astype(int)


def share_off(one, other):
    """Of the pixels; 1 if the sizes differ."""
    if one.size != other.size:
        return 1.0
    return float((numpy.abs(blurred(one) - blurred(other)).max(axis=2) > PIXEL).mean())


def check_picture(drawn, golden):
    assert drawn.size == golden.size, f"{drawn.size} pixels, not {golden.size}"
    share = share_off(drawn, golden)
    assert share <= SHARE, f"{100 * share:.2f} % of the pixels are off; see the contact sheet"


def probes():
    """Name -> [(x, y, colour, what it means)]."""
    table = {}
    for line in (GOLDEN / "probes.tsv").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, x, y, colour, means = line.split("\t")
            table.setdefault(name, []).append((int(x), int(y), bytes.fromhex(colour), means))
    return table


def check_probes(drawn, name):
    for x, y, want, means in probes().get(name, []):
        got = drawn.getpixel((x, y))
        assert max(abs(a - b) for a, b in zip(got, want)) <= PROBE, \
            f"at {x}, {y} ({means}): {bytes(got).hex()}, not {want.hex()}"


def check_sample(name, drawn):
    golden = GOLDEN / f"{name}.png"
    assert name in drawn, "there is no such sample any more"
    check_picture(picture(drawn[name]), picture(golden))
    check_probes(picture(drawn[name]), name)


def check_can_fail(drawn):
    """A patch of 20 x 20 pixels, and a picture that is moved by two."""
    name = min(path.stem for path in GOLDEN.glob("*.png"))
    spoilt = picture(drawn[name])
    spoilt.paste((255, 0, 255), (20, 20, 40, 40))
    moved = ImageChops.offset(picture(drawn[name]), 2, 0)
    for other in (spoilt, moved):
        assert share_off(other, picture(GOLDEN / f"{name}.png")) > SHARE


def test(drawn):
    names = sorted(path.stem for path in GOLDEN.glob("*.png"))
    cases = [(name, lambda name=name: check_sample(name, drawn)) for name in names]
    cases.append(("a spoilt picture is found", lambda: check_can_fail(drawn)))
    failed = 0
    print(f"1..{len(cases)}")
    for number, (name, case) in enumerate(cases, 1):
        try:
            case()
            print(f"ok {number} {name}")
        except AssertionError as error:
            failed = 1
            print(f"not ok {number} {name}\n# {error}")
    without = sorted(set(drawn) - set(names))
    if without:
        print(f"# without a golden picture: {', '.join(without)}")
    return failed


def update(drawn, which):
    wanted = sorted(drawn) if which == "1" else which.split(",")
    for name in wanted:
        picture(drawn[name]).save(GOLDEN / f"{name}.png", optimize=True)
    if which == "1":
        for path in GOLDEN.glob("*.png"):
            if path.stem not in drawn:
                path.unlink()
    print(f"renewed: {', '.join(wanted)}")
    return 0


# ---- contact sheet ----------------------------------------------------------------------------

STYLE = """body { font: 15px sans-serif; margin: 1.5em; background: #eee; color: #222 }
section { margin: 0 0 2em } h2 { font-size: 1em; margin: 0 0 .4em } .off { color: #a00 }
div { display: flex; flex-wrap: wrap; gap: 12px; align-items: flex-start }
figure { margin: 0 } figcaption { font-size: .8em; color: #666 }
img { background: #fff; border: 1px solid #bbb; max-width: 100% }"""


def figure(caption, image):
    if image is None:
        return f"<figure><figcaption>{caption}: none</figcaption></figure>"
    data = io.BytesIO()
    image.save(data, "PNG")
    source = base64.b64encode(data.getvalue()).decode()
    return (f'<figure><figcaption>{caption}</figcaption>'
            f'<img alt="{caption}" src="data:image/png;base64,{source}"></figure>')


def difference(one, other):
    """White where alike, darker where not, four times as strong as it is."""
    if one is None or other is None:
        return None
    size = tuple(max(pair) for pair in zip(one.size, other.size))
    sheets = []
    for image in (one, other):
        sheet = Image.new("RGB", size, "#f0f")
        sheet.paste(image)
        sheets.append(sheet)
    return ImageChops.difference(*sheets).point(lambda value: 255 - min(255, 4 * value))


def section(name, drawn):
    golden = GOLDEN / f"{name}.png"
    one = picture(drawn[name]) if name in drawn else None
    other = picture(golden) if golden.exists() else None
    off = share_off(one, other) if one and other else None
    state = "new" if other is None else "gone" if one is None else f"{100 * off:.3f} % off"
    bad = off is None or off > SHARE
    text = (f'<section><h2>{html.escape(name)} <span class="{"off" if bad else "fine"}">{state}'
            f'</span></h2><div>{figure("result", one)}{figure("reference", other)}'
            f'{figure("difference", difference(one, other))}</div></section>')
    return (-2.0 if off is None else -off, name), text


def sheet(drawn, path):
    names = set(drawn) | {golden.stem for golden in GOLDEN.glob("*.png")}
    sections = [text for _, text in sorted(section(name, drawn) for name in names)]
    Path(path).write_text("<!DOCTYPE html>\n<html lang=\"en\"><meta charset=\"utf-8\">"
                          f"<title>Figures</title><style>{STYLE}</style>"
                          "<h1>Figures: result, reference, difference</h1>\n"
                          + "\n".join(sections) + "</html>\n", encoding="utf-8")
    print(path)
    return 0


def main():
    with tempfile.TemporaryDirectory(prefix="golden-") as folder:
        drawn = draw(Path(sys.argv[1]).resolve(), folder)
        if sys.argv[2:3] == ["--sheet"]:
            return sheet(drawn, sys.argv[3])
        if os.environ.get("UPDATE"):
            return update(drawn, os.environ["UPDATE"])
        return test(drawn)


sys.exit(main())
