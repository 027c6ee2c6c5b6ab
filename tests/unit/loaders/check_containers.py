"""Files of numpy and safetensors as list-containers sees them, against numpy: type, shape, and that the
bytes it points at are the elements.  Run: check_containers.py LIST-CONTAINERS"""
import io
import json
import os
import struct
import subprocess
import sys
import tempfile
import zipfile
import zlib

try:
    import numpy as np
except ImportError:
    print("no numpy here")
    sys.exit(77)

FORMAT, POLICY, LIMIT = 1, 5, 6  # of EntroLoaderError
RNG = np.random.default_rng(11)
# The type, and what the tool calls it; BF is bf16 in disguise.
TYPES = {
    "<f2": ("float", "f16"), ">f2": ("float", "f16"), "<f4": ("float", "f32"),
    ">f4": ("float", "f32"), "<f8": ("float", "f64"), ">f8": ("float", "f64"),
    "V2": ("bits16", "bf16"), "<u2": ("bits16", "bf16"), ">i2": ("bits16", "bf16"),
    "|b1": ("integer", None), "|u1": ("integer", None), "|i1": ("integer", None),
    "<i4": ("integer", None), ">u4": ("integer", None), "<i8": ("integer", None),
    ">i8": ("integer", None), "<u8": ("integer", None),
}
SHAPES = [(), (0,), (1,), (7,), (3, 5), (2, 3, 4), (2, 1, 3, 1, 2), (1, 2, 1, 2, 1, 2, 1, 2), (3, 0, 2)]


def listed(path):
    """{name: {key: text}} in order, or the error of the file."""
    done = subprocess.run([sys.argv[1], path], stdout=subprocess.PIPE, timeout=60, check=False)
    assert done.returncode in (0, 1), done
    found = {}
    for line in done.stdout.decode().splitlines():
        name, *facts = line.split("\t")
        assert name not in found, (path, name)
        found[name] = dict(fact.split("=", 1) for fact in facts)
    return found


def make(dtype, shape):
    count = int(np.prod(shape))
    if dtype == "V2":
        return np.frombuffer(RNG.bytes(2 * count), "V2").reshape(shape)
    if dtype == "|b1":
        return RNG.integers(0, 2, shape).astype(bool)
    if "f" in dtype:
        return RNG.standard_normal(shape).astype(dtype)
    info = np.iinfo(dtype)
    return RNG.integers(max(info.min, -2**63), min(info.max, 2**63 - 1), shape,
                        dtype=info.dtype.newbyteorder("="), endpoint=True).astype(dtype)


def elements(path, fact):
    """The bytes that the tool points at, decoded."""
    with open(path, "rb") as file:
        file.seek(int(fact["offset"]))
        data = file.read(int(fact["size"]))
    assert len(data) == int(fact["size"])
    if fact["deflated"] == "0":
        return data
    data = zlib.decompress(data, -15)
    assert len(data) == int(fact["decoded"]) and zlib.crc32(data) == int(fact["crc"])
    return data[int(fact["head"]):]


def check(path, fact, wanted, where):
    assert "problem" not in fact, (where, fact)
    dtype = wanted.dtype
    kind, element = TYPES[dtype.str if dtype.kind != "V" else "V2"]
    assert fact["kind"] == kind and (element is None or fact["element"] == element), (where, fact)
    assert fact["dims"] == ",".join(map(str, wanted.shape)), (where, fact)
    order = "F" if fact["fortran"] == "1" else "C"
    assert elements(path, fact) == wanted.tobytes(order), (where, fact)
    if dtype.kind in "iub":
        assert int(fact["integer_size"]) == dtype.itemsize, (where, fact)
        assert int(fact["signed"]) == (dtype.kind == "i"), (where, fact)
        assert dtype.itemsize == 1 or int(fact["big"]) == (dtype.str[0] == ">"), (where, fact)
    else:
        assert int(fact["big"]) == (dtype.str[0] == ">"), (where, fact)
    if wanted.ndim < 2 and dtype.kind in "iub":
        values = wanted.ravel().astype("u8" if dtype.kind == "u" else "i8").tolist()
        assert fact["integers"] == ",".join(map(str, values)), (where, fact)
    else:
        assert "no_integers" in fact, (where, fact)


def orders(array):
    yield array
    if array.ndim > 1:
        yield np.asfortranarray(array)


def check_npy(folder):
    path = os.path.join(folder, "a.npy")
    for dtype in TYPES:
        for shape in SHAPES:
            for array in orders(make(dtype, shape)):
                for version in ((1, 0), (2, 0), (3, 0)):
                    with open(path, "wb") as file:
                        np.lib.format.write_array(file, array, version=version)
                    found = listed(path)
                    assert list(found) == [""], found
                    check(path, found[""], array, (dtype, shape, version))
    np.save(path, np.array([1, "a", None], dtype=object))
    assert "Python objects" in listed(path)[""]["problem"] and listed(path)[""]["refused"] == "1"
    np.save(path, np.zeros(3, [("a", "f4"), ("b", "O")]))
    assert "several fields" in listed(path)[""]["problem"] and listed(path)[""]["refused"] == "1"
    for odd in (np.zeros(3, "c8"), np.zeros(3, "M8[s]"), np.array(["ab"]), np.array([b"ab"]),
                np.zeros(2, "V3"), np.zeros(2, "f16")):
        np.save(path, odd)
        found = listed(path)[""]
        assert "has the type" in found["problem"] and found["refused"] == "0", (odd.dtype, found)
    np.save(path, np.zeros((1,) * 9, "f4"))
    assert "9 axes" in listed(path)[""]["problem"]
    np.save(path, np.array([1, 2**63], "u8"))
    assert "64 bits" in listed(path)[""]["no_integers"]
    np.save(path, np.arange(1001))
    assert "1001 entries" in listed(path)[""]["no_integers"]


def check_cut(folder):
    path = os.path.join(folder, "cut.npy")
    np.save(path, np.zeros((4, 4), "f4"))
    with open(path, "rb") as file:
        good = file.read()
    for size in range(len(good)):
        with open(path, "wb") as file:
            file.write(good[:size])
        error = listed(path)["error"]
        assert int(error["code"]) == FORMAT, (size, error)
        if size >= len(good) - 64:
            assert f"{len(good) - size} are missing" in error["message"], (size, error)
    with open(path, "wb") as file:
        file.write(good + good)
    assert f"{len(good)} bytes behind" in listed(path)["error"]["message"]


def check_npz(folder):
    path = os.path.join(folder, "a.npz")
    arrays = {f"{dtype.strip('<>|')}{'b' if dtype[0] == '>' else ''}_{i}": array
              for dtype in TYPES for i, shape in enumerate(SHAPES) for array in [make(dtype, shape)]}
    arrays["of/a/folder"] = np.asfortranarray(make("<f4", (40, 50)))
    arrays["zeros"] = np.zeros((1000, 1000), "f4")
    arrays["step"] = np.arange(0, 5000, 5, dtype="i8")
    arrays["\u00fc\u4e2d"] = make("<f4", (3,))
    for save in (np.savez, np.savez_compressed):
        save(path, **arrays)
        found = listed(path)
        assert list(found) == list(arrays), (save, list(found), list(arrays))
        for name, array in arrays.items():
            assert found[name]["deflated"] == str(int(save is np.savez_compressed)), found[name]
            check(path, found[name], array, (save.__name__, name))
    save(path, good=np.arange(3), objects=np.array([None]), long=np.zeros(3, "f16"))
    found = listed(path)
    assert found["good"]["integers"] == "0,1,2" and found["objects"]["refused"] == "1", found
    assert found["long"]["refused"] == "0", found
    np.savez(path)
    assert listed(path) == {}


class OnlyForward(io.RawIOBase):
    """As a pipe: sizes are written behind the data of each member."""
    def __init__(self, file):
        super().__init__()
        self.file = file

    def writable(self):
        return True

    def write(self, data):
        return self.file.write(data)


def check_zips(folder):
    """As others write them."""
    path = os.path.join(folder, "b.npz")
    array = make("<f4", (30, 7))
    data = io.BytesIO()
    np.save(data, array)
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        for big in (False, True):
            for forward in (False, True):
                with open(path, "wb") as file:
                    with zipfile.ZipFile(OnlyForward(file) if forward else file, "w", method) as zipped:
                        zipped.comment = b"PK\5\6" * 9
                        with zipped.open("a.npy", "w", force_zip64=big) as member:
                            member.write(data.getvalue())
                        zipped.writestr("notes.txt", "nothing")
                found = listed(path)
                assert list(found) == ["a"], found
                check(path, found["a"], array, (method, big, forward))
    with zipfile.ZipFile(path, "w") as zipped:
        zipped.writestr("archive/data.pkl", b"\x80\x02}.")
        zipped.writestr("c.npy", data.getvalue(), zipfile.ZIP_BZIP2)
        zipped.writestr("short.npy", b"x")
        zipped.writestr("text.npy", b"no array of any kind")
        zipped.writestr("good.npy", data.getvalue())
    found = listed(path)
    assert "pickle" in found["archive/data.pkl"]["problem"], found
    assert found["archive/data.pkl"]["refused"] == "1" and "method 12" in found["c"]["problem"], found
    assert "1 bytes" in found["short"]["problem"] and "no NumPy" in found["text"]["problem"], found
    check(path, found["good"], array, "beside bad ones")
    with zipfile.ZipFile(path, "w") as zipped:  # more members than 16 bits count
        for i in range(66000):
            zipped.writestr(f"{i}", b"")
        zipped.writestr("a.npy", data.getvalue())
    check(path, listed(path)["a"], array, "zip64 end")
    with zipfile.ZipFile(path, "w") as zipped:
        for i in range(100001):
            zipped.writestr(f"{i}", b"")
    assert int(listed(path)["error"]["code"]) == LIMIT, listed(path)


def write_safetensors(path, tensors, metadata=None, pad=True):
    types = {"<f2": "F16", "V2": "BF16", "<f4": "F32", "<f8": "F64", "|b1": "BOOL", "|u1": "U8",
             "|i1": "I8", "<i2": "I16", "<u2": "U16", "<i4": "I32", "<i8": "I64", "<u8": "U64"}
    header, at = {}, 0
    if metadata is not None:
        header["__metadata__"] = metadata
    for name, array in tensors.items():
        code = "V2" if array.dtype.kind == "V" else array.dtype.str
        header[name] = {"dtype": types[code], "shape": list(array.shape),
                        "data_offsets": [at, at + array.nbytes]}
        at += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8 if pad else 0)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for array in tensors.values():
            file.write(array.tobytes())


def check_safetensors(folder):
    path = os.path.join(folder, "a.safetensors")
    codes = ("<f2", "<f4", "<f8", "|b1", "|u1", "|i1", "<u2", "<i4", "<i8", "<u8")
    tensors = {f"layers.{code}.{i}": make(code, shape)
               for code in codes for i, shape in enumerate(SHAPES)}
    tensors["\"q\\uote\" \u00fc \U0001f600 \\"] = make("<f4", (2,))
    for metadata in (None, {}, {"format": "pt", "k\u00e9y": "v\n\"x\""}):
        for pad in (True, False):
            write_safetensors(path, tensors, metadata, pad)
            found = listed(path)
            assert list(found) == list(tensors), (list(found), list(tensors))
            for name, array in tensors.items():
                check(path, found[name], array, name)
    write_safetensors(path, {"bf": make("V2", (2, 3))})
    found = listed(path)["bf"]
    assert found["kind"] == "float" and found["element"] == "bf16" and found["dims"] == "2,3", found
    write_safetensors(path, {})
    assert listed(path) == {}


def main():
    with tempfile.TemporaryDirectory() as folder:
        for test in (check_npy, check_cut, check_npz, check_zips, check_safetensors):
            test(folder)
            print(test.__name__, "good", flush=True)


main()
