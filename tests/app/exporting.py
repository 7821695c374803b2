#!/usr/bin/env python3
"""Conversion, segmentations and reports through the real program, on small files made here: what goes out comes back, and wrong use ends with one clear sentence.

Usage: exporting.py HILUM OUT      (OUT is emptied)
"""
import gzip, hashlib, json, os, re, shutil, struct, subprocess, sys, zlib
from pathlib import Path

HILUM, OUT = sys.argv[1], Path(sys.argv[2])
shutil.rmtree(OUT, ignore_errors=True)
(OUT / "home").mkdir(parents=True)
ENV = {**os.environ, "HILUM_HOME": str(OUT / "home")}
failures = []


def hilum(*arguments):
    run = subprocess.run([HILUM, *map(str, arguments)], env=ENV, capture_output=True, text=True, timeout=600)
    return run.returncode, run.stdout, run.stderr


def works(*arguments):
    code, out, err = hilum(*arguments)
    if code:
        failures.append(f"hilum {' '.join(map(str, arguments))} ended with {code}: {err[-600:]}")
        if "--json" in arguments:  # what follows needs the answer
            sys.exit("\n".join(failures))
    return out


def refuses(code, pattern, *arguments):
    got, out, err = hilum(*arguments)
    if got != code or not re.search(pattern, err, re.S):
        failures.append(f"hilum {' '.join(map(str, arguments))}\n  ended with {got}, expected {code}\n  said: {err[-600:]}\n  expected: {pattern}")


def check(what, got, expected):
    if got != expected:
        failures.append(f"{what}: {got!r}, expected {expected!r}")


def info(file, *more):
    return json.loads(works("info", file, "--json", *more))["items"][0]


def nifti(file, size, kind, values):
    """int16 (4), uint8 (2) or float32 (16) voxels of 0.8 x 1.1 x 2.5 mm; i runs to the patient's left (RAS x falls), j to posterior, k upwards."""
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, *size, 1, 1, 1, 1)
    struct.pack_into("<hh", header, 70, kind, {2: 8, 4: 16, 16: 32}[kind])
    struct.pack_into("<8f", header, 76, 1, 0.8, 1.1, 2.5, 1, 1, 1, 1)
    struct.pack_into("<3f", header, 108, 352, 1, 0)
    struct.pack_into("<hh", header, 252, 0, 1)
    struct.pack_into("<12f", header, 280, -0.8, 0, 0, 40, 0, -1.1, 0, 30, 0, 0, 2.5, 12)
    header[344:348] = b"n+1\0"
    body = bytes(values) if kind == 2 else struct.pack(f"<{len(values)}{'h' if kind == 4 else 'f'}", *values)
    (gzip.open if file.suffix == ".gz" else open)(file, "wb").write(bytes(header) + body)


SIZE = (20, 16, 9)
INDEX = [(i, j, k) for k in range(SIZE[2]) for j in range(SIZE[1]) for i in range(SIZE[0])]
nifti(OUT / "ct.nii", SIZE, 4, [(7 * i + 3 * j - 40 * k) % 1500 - 1000 for i, j, k in INDEX])
nifti(OUT / "wide.nii", SIZE, 16, [40000 + 3 * i + j for i, j, k in INDEX])
nifti(OUT / "float.nii", SIZE, 16, [i / 7 - k for i, j, k in INDEX])
label_values = [1 if 2 < i < 9 and 3 < j < 12 and 2 < k < 7 else 40 if 14 < i < 18 and k == 5 else 0 for i, j, k in INDEX]
nifti(OUT / "labels.nii.gz", SIZE, 2, label_values)
(OUT / "names.csv").write_text("label,name\n1,spleen\n40,odd thing\n")

# a volume as CT slices and back, bit by bit
refuses(2, "--modality", "convert", OUT / "ct.nii", OUT / "ct")
works("convert", OUT / "ct.nii", OUT / "ct", "--to", "ct")
works("convert", OUT / "ct", OUT / "back.nii.gz")
before, after = info(OUT / "ct.nii"), info(OUT / "ct")
check("digest of the CT slices", after["digest"], before["digest"])
check("unit of the CT slices", after["unit"], "HU")
check("grid of the NIfTI that came back", [round(v, 4) for v in info(OUT / "back.nii.gz")["origin_lps"]], [round(v, 4) for v in before["origin_lps"]])
refuses(2, "exists", "convert", OUT / "ct.nii", OUT / "ct", "--to", "ct")
refuses(2, "is what is read", "convert", OUT / "ct.nii", OUT / "ct.nii")
refuses(2, "must end with", "convert", OUT / "ct.nii", OUT / "ct.xyz")
works("convert", OUT / "ct.nii", f"{OUT}/ended/", "--to", "ct")
check("a folder named with its separator", (info(OUT / "ended")["digest"], (OUT / "ended.json").is_file(), (OUT / "ended.part").exists()), (before["digest"], True, False))
refuses(2, "names a folder", "convert", OUT / "labels.nii.gz", f"{OUT}/none/", "--to", "seg")
refuses(2, "names a folder", "convert", OUT / "ct.nii", f"{OUT}/none/", "--to", "nifti")
if (OUT / "none").exists():
    failures.append("a refused conversion left a folder")
(OUT / "kept.part").mkdir()
(OUT / "kept.part" / "mine.txt").write_text("mine")
works("convert", OUT / "ct.nii", OUT / "kept", "--to", "ct")
check("somebody's folder kept.part", [p.name for p in OUT.glob("kept.part*/*")], ["mine.txt"])
shutil.rmtree(OUT / "kept.part")
works("convert", OUT / "wide.nii", OUT / "wide", "--to", "mr")
check("whole numbers beyond 32767", info(OUT / "wide")["digest"], info(OUT / "wide.nii")["digest"])
refuses(6, "float.nii.*float values.*--quantise", "convert", OUT / "float.nii", OUT / "float", "--to", "ct")
if (OUT / "float").exists() or (OUT / "float.part").exists():
    failures.append("a refused conversion left a folder")
works("convert", OUT / "float.nii", OUT / "float", "--to", "ct", "--quantise")
record = json.loads((OUT / "float.json").read_text())
error = record["dicom"]["largest_error"]
difference = max(abs(info(OUT / "float")[key] - info(OUT / "float.nii")[key]) for key in ("min", "max"))
if not 0 < error < 1e-4 or difference > error + 1e-6:
    failures.append(f"quantised by {difference}, told {error}")

# labels: SEG of both kinds on the series, back in every format, and the comparison says that nothing changed
for encoding in ("binary", "labelmap"):
    seg = OUT / f"{encoding}.dcm"
    works("seg", "export", OUT / "labels.nii.gz", seg, "--reference", OUT / "ct", "--encoding", encoding, "--names", OUT / "names.csv")
    entry = info(seg)
    check(f"labels of the {encoding} SEG", [(l["value"], l["name"], l["voxels"]) for l in entry["labels"]], [(1, "spleen", label_values.count(1)), (40, "odd thing", label_values.count(40))])
    check(f"study of the {encoding} SEG", entry["study_uid"], after["study_uid"])
    for name in ("nii.gz", "seg.nrrd", "mha"):
        back = OUT / f"{encoding}.back.{name}"
        works("seg", "import", seg, back, "--reference", OUT / "ct")
        rows = json.loads(works("seg", "compare", OUT / "labels.nii.gz", back, "--json"))
        check(f"{back.name}", [(r["value"], r["dice"], r["hd95_mm"], r["mean_surface_distance_mm"], r["relative_volume_difference"]) for r in rows["labels"]], [(1, 1, 0, 0, 0), (40, 1, 0, 0, 0)])
        check(f"names beside {back.name}", [l["name"] for l in json.loads((OUT / f"{back.name}.json").read_text())["labels"]], ["spleen", "odd thing"])
    works("convert", seg, OUT / f"{encoding}.again.dcm", "--to", "labelmap" if encoding == "binary" else "seg")
    check(f"{encoding} SEG converted to the other kind", [(l["value"], l["name"], l["voxels"]) for l in info(OUT / f"{encoding}.again.dcm")["labels"]],
          [(l["value"], l["name"], l["voxels"]) for l in entry["labels"]])
# a part of the labels is a part; there is no later time point; values alone cannot hold two labels at a place
seen = {v: sum(1 for (i, j, k), l in zip(INDEX, label_values) if l == v and 4 <= i < 20 and j < 10 and k < 6) for v in (1, 40)}
for target in ("part.seg.nrrd", "part.dcm", "part.nii.gz"):
    works("convert", OUT / "binary.dcm", OUT / target, "--region", "4,0,0,20,10,6")
    entry = info(OUT / target, "--as", "labels")
    check(f"labels of {target}", ({l["value"]: l["voxels"] for l in entry["labels"]}, entry["size"]), (seen, [16, 10, 6]))
    refuses(2, "--time 1", "convert", OUT / "binary.dcm", OUT / target, "--time", 1)
works("convert", OUT / "binary.dcm", OUT / "third.seg.nrrd", "--decimate", 3)
check("every third label", info(OUT / "third.seg.nrrd")["size"], [7, 6, 3])
fields = "".join(f"Segment{n}_ID:=s{n}\nSegment{n}_LabelValue:={n + 1}\nSegment{n}_Layer:={n}\nSegment{n}_Name:=part {n}\n" for n in (0, 1))
(OUT / "both.seg.nrrd").write_bytes(("NRRD0004\ntype: uint8\ndimension: 4\nspace: left-posterior-superior\nsizes: 2 4 4 3\nspace directions: none (1,0,0) (0,1,0) (0,0,1)\n"
                                     "kinds: list domain domain domain\nencoding: raw\nspace origin: (0,0,0)\n" + fields + "\n").encode() + bytes([1, 2] * 48))
refuses(6, "segments overlap.*overlap later", "convert", OUT / "both.seg.nrrd", OUT / "both.nii.gz")
if (OUT / "both.nii.gz").exists():
    failures.append("a refused conversion left a file")
works("convert", OUT / "both.seg.nrrd", OUT / "both.dcm")
# regions of a structure set: their names stand beside values, and two at a place are not one
def element(tag, vr, value):
    value = value if isinstance(value, bytes) else value.encode()
    value += (b"\0" if vr == "UI" else b" ") * (len(value) % 2)
    return struct.pack("<HH", tag >> 16, tag & 0xffff) + vr.encode() + (struct.pack("<HI", 0, len(value)) if vr == "SQ" else struct.pack("<H", len(value))) + value


def sequence(tag, *items):
    return element(tag, "SQ", b"".join(struct.pack("<HHI", 0xfffe, 0xe000, len(item)) + item for item in items))


def structures(file, series, regions):
    """Boxes of voxels (name, first i, last i, first j, last j, k) as contours on the series in OUT/ct."""
    rois, lines = [], []
    for n, (name, *ends, k) in enumerate(regions, 1):
        (left, right), (top, bottom) = ((-40 + 0.8 * (v + s) for v, s in zip(ends[:2], (-0.5, 0.5))), (-30 + 1.1 * (v + s) for v, s in zip(ends[2:], (-0.5, 0.5))))
        points = "\\".join(f"{x:.3f}\\{y:.3f}\\{12 + 2.5 * k:.3f}" for x, y in ((left, top), (right, top), (right, bottom), (left, bottom)))
        rois.append(element(0x30060022, "IS", str(n)) + element(0x30060026, "LO", name))
        contour = element(0x30060042, "CS", "CLOSED_PLANAR") + element(0x30060046, "IS", "4") + element(0x30060050, "DS", points)
        lines.append(sequence(0x30060040, contour) + element(0x30060084, "IS", str(n)))
    frame = sequence(0x30060012, sequence(0x30060014, element(0x0020000e, "UI", after["series_uid"])))
    body = element(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.481.3") + element(0x00080018, "UI", series + ".1") + element(0x00080060, "CS", "RTSTRUCT")
    body += element(0x0020000d, "UI", after["study_uid"]) + element(0x0020000e, "UI", series)
    body += sequence(0x30060010, frame) + sequence(0x30060020, *rois) + sequence(0x30060039, *lines)
    syntax = element(0x00020010, "UI", "1.2.840.10008.1.2.1")
    file.write_bytes(bytes(128) + b"DICM" + element(0x00020000, "UL", struct.pack("<I", len(syntax))) + syntax + body)


shutil.copytree(OUT / "ct", OUT / "rt")
structures(OUT / "rt" / "overlap.dcm", "1.2.3.9", [("body", 3, 9, 3, 8, 4), ("part", 7, 12, 3, 8, 4)])
structures(OUT / "rt" / "apart.dcm", "1.2.3.10", [("left", 3, 6, 3, 8, 4), ("right", 7, 12, 3, 8, 4)])
refuses(6, "regions overlap.*--to seg", "convert", OUT / "rt", OUT / "overlap.nii.gz", "--series", "1.2.3.9")
if (OUT / "overlap.nii.gz").exists():
    failures.append("a refused conversion left a file")
works("convert", OUT / "rt", OUT / "overlap.seg.nrrd", "--series", "1.2.3.9")
works("convert", OUT / "rt", OUT / "overlap.dcm", "--series", "1.2.3.9", "--to", "seg")
for name in ("overlap.seg.nrrd", "overlap.dcm"):
    check(f"regions of {name}", sorted((l["value"], l["name"], l["voxels"]) for l in info(OUT / name)["labels"]), [(1, "body", 42), (2, "part", 36)])
works("convert", OUT / "rt", OUT / "apart.nii.gz", "--series", "1.2.3.10")
check("names beside the values of regions", [(l["value"], l["name"]) for l in json.loads((OUT / "apart.nii.gz.json").read_text()).get("labels", [])], [(1, "left"), (2, "right")])
# labels with a slice missing: a file of even slices put those above the gap too low, without a word
works("convert", OUT / "labels.nii.gz", OUT / "gap", "--to", "mr")
(OUT / "gap" / "IM0004.dcm").unlink()
for target in ("gap.seg.nrrd", "gap.nii.gz"):
    refuses(2, "1 slice.* missing.*--spacing as-acquired", "convert", OUT / "gap", OUT / target)
    refuses(2, "--reference.*--spacing as-acquired", "seg", "import", OUT / "gap", OUT / target)
    if (OUT / target).exists():
        failures.append(f"a refused conversion left {target}")
works("seg", "import", OUT / "gap", OUT / "gap.nii.gz", "--reference", OUT / "gap")
works("convert", OUT / "gap", OUT / "gap.kept.seg.nrrd", "--spacing", "as-acquired")
check("labels of slices as they are", info(OUT / "gap.kept.seg.nrrd")["size"], [20, 16, 8])
works("convert", OUT / "gap", OUT / "gap.dcm", "--to", "seg")
works("convert", OUT / "gap", OUT / "gap.even.seg.nrrd", "--spacing", "regular")
check("labels around a missing slice", (info(OUT / "gap.even.seg.nrrd")["size"], [l["voxels"] for l in info(OUT / "gap.even.seg.nrrd")["labels"]]),
      ([20, 16, 9], [sum(1 for (i, j, k), l in zip(INDEX, label_values) if l == v and k != 3) for v in (1, 40)]))
works("seg", "export", OUT / "labels.nii.gz", OUT / "spleen.stl", "--label", 1)
refuses(2, "--label", "seg", "export", OUT / "labels.nii.gz", OUT / "all.stl")
try:
    import pydicom
    frames = pydicom.dcmread(OUT / "binary.dcm")
    series = pydicom.dcmread(next((OUT / "ct").glob("*.dcm")))
    check("referenced series", frames.ReferencedSeriesSequence[0].SeriesInstanceUID, series.SeriesInstanceUID)
    check("frame of reference", frames.FrameOfReferenceUID, series.FrameOfReferenceUID)
    check("source images of the series", series.ImageType[:2], ["DERIVED", "SECONDARY"])
except ImportError:
    print("pydicom is not installed: references are not checked")

# another grid: refused with the numbers, or resampled; labels outside are not lost in silence
shifted = bytearray((OUT / "ct.nii").read_bytes())
struct.pack_into("<f", shifted, 280 + 12, 40.4)
(OUT / "shifted.nii").write_bytes(shifted)
works("convert", OUT / "shifted.nii", OUT / "shifted", "--to", "ct")
refuses(13, r"0\.400 mm.*--resample", "seg", "export", OUT / "labels.nii.gz", OUT / "refused.dcm", "--reference", OUT / "shifted")
if (OUT / "refused.dcm").exists():
    failures.append("a refused export left a file")
works("seg", "export", OUT / "labels.nii.gz", OUT / "resampled.dcm", "--reference", OUT / "shifted", "--resample")
refuses(13, "different grids.*--resample", "seg", "compare", OUT / "labels.nii.gz", OUT / "resampled.dcm")
rows = json.loads(works("seg", "compare", OUT / "labels.nii.gz", OUT / "resampled.dcm", "--resample", "--json"))
check("labels compared after resampling", [r["value"] for r in rows["labels"]], [1, 40])

# pictures
chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
colours = bytes((x * 5 + y * 3 + c * 40) % 256 for y in range(12) for x in range(18) for c in range(3))
rows = b"".join(b"\0" + colours[y * 54:(y + 1) * 54] for y in range(12))
(OUT / "shot.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 18, 12, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
works("convert", OUT / "shot.png", OUT / "shot.dcm")
check("colours of the Secondary Capture", info(OUT / "shot.dcm")["stored"]["digest"], hashlib.sha256(colours).hexdigest()[:16])
works("convert", OUT / "wide", OUT / "slice.png", "--slice", 3)
check("16 bits of a PNG slice", info(OUT / "slice.png")["max"], max(40000 + 3 * i + j for i, j, k in INDEX))

# a film that says by a table how it is seen is seen so after conversion
numbers = lambda *values: struct.pack(f"<{len(values)}H", *values)
entries = [round(4095 * (n / 15) ** 2) for n in range(16)]
table = element(0x00283002, "US", numbers(16, 200, 12)) + element(0x00283006, "US", numbers(*entries))
film = element(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.1") + element(0x00080018, "UI", "1.2.3.11.1") + element(0x00080060, "CS", "CR")
film += element(0x0020000d, "UI", "1.2.3.12") + element(0x0020000e, "UI", "1.2.3.11") + element(0x00280002, "US", numbers(1)) + element(0x00280004, "CS", "MONOCHROME2")
film += b"".join(element(tag, "US", numbers(value)) for tag, value in ((0x00280010, 4), (0x00280011, 6), (0x00280100, 16), (0x00280101, 12), (0x00280102, 11), (0x00280103, 0)))
film += sequence(0x00283010, table) + struct.pack("<HH2sHI", 0x7fe0, 0x0010, b"OW", 0, 48) + numbers(*range(194, 218))
syntax = element(0x00020010, "UI", "1.2.840.10008.1.2.1")
(OUT / "table.dcm").write_bytes(bytes(128) + b"DICM" + element(0x00020000, "UL", struct.pack("<I", len(syntax))) + syntax + film)
works("convert", OUT / "table.dcm", OUT / "table.dx.dcm", "--to", "dx")
check("stored values of a film", info(OUT / "table.dx.dcm")["stored"]["digest"], info(OUT / "table.dcm")["stored"]["digest"])
check("the table of a film", [(l["first_value"], l["entries"], l["bits"]) for l in info(OUT / "table.dx.dcm")["voi_luts"]], [(200, 16, 12)])
check("windows beside the table of a film", info(OUT / "table.dx.dcm")["window"], [])
if numbers(*entries) not in (OUT / "table.dx.dcm").read_bytes():
    failures.append("the entries of a film's table are others after conversion")
works("convert", OUT / "table.dx.dcm", OUT / "table.png")  # whole values go into a PNG as they are, whatever they are seen with
check("values of a film in a PNG", [info(OUT / "table.png")[key] for key in ("min", "max", "mean")], [194, 217, 205.5])
for film in ("table", "table.dx"):
    works("convert", OUT / f"{film}.dcm", OUT / f"{film}.shown.png", "--shown")
    seen = info(OUT / f"{film}.shown.png")
    grey = [round(255 * entries[min(max(v - 200, 0), 15)] / 4095) for v in range(194, 218)]
    check(f"what is seen of {film}", (seen["digest"], json.loads((OUT / f"{film}.shown.png.json").read_text())["grey_values"]), (hashlib.sha256(struct.pack("<24i", *grey)).hexdigest()[:16], "VOI LUT"))
refuses(2, "--shown is for PNG", "convert", OUT / "table.dcm", OUT / "table.nii", "--shown")

# what is there, in words, also where no value is a number or one of several is no stack
nifti(OUT / "nan.nii", (2, 2, 2), 16, [float("nan")] * 8)
if "none is a finite number" not in (said := works("info", OUT / "nan.nii", OUT / "ct.nii")) or "ct.nii" not in said:
    failures.append(f"info of values that are no numbers: {said!r}")
(OUT / "stack").mkdir()
for n in (1, 2, 3):
    shutil.copy(OUT / "shot.png", OUT / "stack" / f"{n}.png")
said = json.loads(works("info", "--as", "stack", OUT / "home", OUT / "stack", "--json"))
check("stacks", ([i["size"] for i in said["items"]], [r["path"] for r in said["refused"]]), ([[18, 12, 3]], [str(OUT / "home")]))

# reports
(OUT / "report.txt").write_text("FINDINGS: There is a 12 mm nodule.\nNo effusion.\nIMPRESSION: Nodule.\n")
for kind in ("basic", "comprehensive"):
    works("report", "export", OUT / "report.txt", OUT / f"{kind}.sr.dcm", "--as", kind, "--reference", OUT / "ct")
    works("report", "export", OUT / f"{kind}.sr.dcm", OUT / f"{kind}.txt")
    text = (OUT / f"{kind}.txt").read_text()
    for words in ("FINDINGS:\nThere is a 12 mm nodule.\nNo effusion.", "IMPRESSION:\nNodule.", "Research use only"):
        if words not in text:
            failures.append(f"{kind}.txt lacks {words!r}: {text!r}")
measurements = {"schema": "hilum.measurements/1", "space": "patient_lps_mm", "series_uid": after["series_uid"], "frame_of_reference_uid": "", "length_meaning": "in the patient",
                "measurements": [{"id": 1, "kind": "distance", "plane": "Axial", "value": 12.5, "unit": "mm", "points": [[0, 0, 15], [12.5, 0, 15]]}]}
(OUT / "m.json").write_text(json.dumps(measurements))
refuses(2, "frame of reference", "report", "export", OUT / "m.json", OUT / "m.dcm")
works("report", "export", OUT / "m.json", OUT / "m.dcm", "--reference", OUT / "ct")
table = info(OUT / "m.dcm")["measurements"]
check("measurement in the table", [(m["name"], m["points"], m["values"][0]["value"], m["values"][0]["unit"]) for m in table], [("Distance 1", [[0, 0, 15], [12.5, 0, 15]], 12.5, "mm")])
refuses(2, "must end with", "report", "export", OUT / "report.txt", OUT / "report.pdf")

# a folder that holds the series and a label file: the series is what a reference means
shutil.copy(OUT / "labels.nii.gz", OUT / "ct" / "labels.nii.gz")
works("seg", "export", OUT / "ct" / "labels.nii.gz", OUT / "mixed.dcm", "--reference", OUT / "ct")
works("seg", "import", OUT / "mixed.dcm", OUT / "mixed.nii.gz", "--reference", OUT / "ct")
refuses(6, "colour picture.*--to sc", "convert", OUT / "shot.png", OUT / "film.dcm", "--to", "dx")
refuses(5, "it is an image, no label map", "seg", "compare", OUT / "labels.nii.gz", OUT / "ct.nii")
refuses(13, "what is wanted", "seg", "export", OUT / "labels.nii.gz", OUT / "none.dcm", "--reference", OUT / "ct.nii")

left = [str(p) for p in OUT.rglob("*") if re.search(r"\.part(-\d+)?$", p.name)]
if left:
    failures.append(f"half-written files stayed: {left}")
print("\n".join(failures) or "all exports came back")
sys.exit(1 if failures else 0)
