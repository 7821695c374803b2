#!/usr/bin/env python3
"""Wrong input through the real program: each ends with its number and one clear sentence, and nothing half-made stays.

Usage: bad_input.py HILUM OUT      (OUT is emptied)
"""
import json, os, random, re, shutil, struct, subprocess, sys, zlib
from pathlib import Path

HILUM, OUT = sys.argv[1], Path(sys.argv[2])
shutil.rmtree(OUT, ignore_errors=True)
for folder in ("empty", "images", "home"):
    (OUT / folder).mkdir(parents=True)
ENV = {**os.environ, "HILUM_HOME": str(OUT / "home")}
for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
    ENV.pop(name, None)
failures = []


def hilum(*arguments):
    run = subprocess.run([HILUM, *map(str, arguments)], env=ENV, capture_output=True, text=True, timeout=600)
    return run.returncode, run.stdout + run.stderr


def refuses(code, pattern, *arguments):
    got, said = hilum(*arguments)
    if got != code or not re.search(pattern, said, re.S):
        failures.append(f"hilum {' '.join(map(str, arguments))}\n  ended with {got}, expected {code}\n  said: {said[-600:]}\n  expected: {pattern}")


def works(*arguments):
    got, said = hilum(*arguments)
    if got:
        failures.append(f"hilum {' '.join(map(str, arguments))} ended with {got}: {said[-600:]}")


def same(*arguments):
    """How a run is refused, and its dry run too: number and sentence."""
    run, dry = ((code, said.strip().split("\n")[-1]) for code, said in (hilum(*arguments), hilum(*arguments, "--dry-run")))
    if run != dry or not run[0]:
        failures.append(f"hilum {' '.join(map(str, arguments))}\n  ended with {run}\n  and its dry run with {dry}")
    return run[0]


def png(file, seed, side=64, mask=False):
    """A pattern, or a mask of the left half."""
    rng = random.Random(seed)
    rows = b"".join(b"\0" + bytes((255 if 2 * x < side else 0) if mask else (x * 3 + y * rng.randrange(1, 4)) % 256 for x in range(side)) for y in range(side))
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def truncated_dicom(file):
    """A radiograph of 512 x 512 whose pixels end after 1000 bytes."""
    def element(group, number, vr, value):
        value += (b"\0" if vr in (b"UI", b"OW") else b" ") * (len(value) % 2)
        length = struct.pack("<HI", 0, len(value)) if vr in (b"OB", b"OW") else struct.pack("<H", len(value))
        return struct.pack("<HH", group, number) + vr + length + value
    uid = b"1.2.840.10008.5.1.4.1.1.1.1"
    meta = element(2, 2, b"UI", uid) + element(2, 3, b"UI", b"2.25.1") + element(2, 0x10, b"UI", b"1.2.840.10008.1.2.1")
    short = lambda number, value: element(0x28, number, b"US", struct.pack("<H", value))
    body = (element(8, 0x16, b"UI", uid) + element(8, 0x18, b"UI", b"2.25.1") + element(8, 0x60, b"CS", b"DX") + element(0x20, 0x0D, b"UI", b"2.25.2") + element(0x20, 0x0E, b"UI", b"2.25.3")
            + short(2, 1) + element(0x28, 4, b"CS", b"MONOCHROME2") + short(0x10, 512) + short(0x11, 512) + short(0x100, 16) + short(0x101, 16) + short(0x102, 15) + short(0x103, 0))
    pixels = struct.pack("<HH", 0x7FE0, 0x10) + b"OW" + struct.pack("<HI", 0, 512 * 512 * 2) + bytes(1000)
    file.write_bytes(bytes(128) + b"DICM" + element(2, 0, b"UL", struct.pack("<I", len(meta))) + meta + body + pixels)


def lying_nifti(file):
    """A header that claims 32,000 x 32,000 x 32,000 voxels of 4 bytes, and no voxel behind it."""
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, 32000, 32000, 32000, 1, 1, 1, 1)
    struct.pack_into("<hh", header, 70, 16, 32)
    struct.pack_into("<8f", header, 76, 1, 1, 1, 1, 1, 1, 1, 1)
    struct.pack_into("<f", header, 108, 352)
    header[344:348] = b"n+1\0"
    file.write_bytes(header)


def small_nifti(file):
    """A CT of 40 x 40 x 40 voxels of 2 mm."""
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, 40, 40, 40, 1, 1, 1, 1)
    struct.pack_into("<hh", header, 70, 4, 16)
    struct.pack_into("<8f", header, 76, 1, 2, 2, 2, 1, 1, 1, 1)
    struct.pack_into("<f", header, 108, 352)
    struct.pack_into("<h", header, 254, 1)  # sform
    for row in range(3):
        struct.pack_into("<f", header, 280 + 16 * row + 4 * row, 2)
    header[344:348] = b"n+1\0"
    file.write_bytes(header + b"".join(struct.pack("<h", -1000 + 40 * x) for _ in range(1600) for x in range(40)))


# images that are none, or not whole
(OUT / "text.dcm").write_text("this is a letter, not an image\n")
truncated_dicom(OUT / "cut.dcm")
lying_nifti(OUT / "huge.nii")
refuses(20, "empty", "info", OUT / "empty")
refuses(5, "text.dcm", "info", OUT / "text.dcm")
refuses(5, r"cut.dcm.*1,?000 .*524,?288", "info", OUT / "cut.dcm")
refuses(7, r"huge.nii.*131.1 TB.*GB of memory are free", "info", OUT / "huge.nii")
refuses(3, "nowhere", "info", OUT / "nowhere")

# words that are none, and no display
refuses(2, "is no command and no file", "no-such-verb")
refuses(11, "no display", OUT / "images")

# places that the system does not tell of (a name longer than any file's): the path, not a fault of the program; and a log that cannot be opened
never = OUT / ("x" * 300)
refuses(18, "cannot look at .*xxx", never)
(OUT / "nolog" / "data" / "logs" / "hilum.log").mkdir(parents=True)
logless = subprocess.run([HILUM, "--version"], env={**ENV, "HILUM_HOME": str(OUT / "nolog")}, capture_output=True, text=True, timeout=600)
if logless.returncode or "going on without a log" not in logless.stderr:
    failures.append(f"hilum --version with a log that cannot be opened ended with {logless.returncode}: {logless.stdout}{logless.stderr}")

# a tour replaces what a tour made, and nothing else
for folder in ("data", "tour-data"):
    (OUT / "project" / folder).mkdir(parents=True)
    (OUT / "project" / folder / "thesis.tex").write_text("years of work")
refuses(2, "tour-data is there and was not made by a tour", "tour", "--out", OUT / "project")
for folder in ("data", "tour-data"):
    if not (OUT / "project" / folder / "thesis.tex").exists():
        failures.append(f"a tour removed a person's folder {folder}")

# a job with three wrong options: all three are named
wrong = ("--set", "mask_ratio_inside=1.5", "--set", "learning_rat=3", "--set", "steps=many")
for part in ("mask_ratio_inside = 1.5", "learning_rat", "steps = many"):
    refuses(14, part, "train", "--method", "hdxray-mae", "--data", OUT / "empty", "--out", OUT / "run", *wrong)
refuses(3, "hdxray-mae", "train", "--method", "no-such-method", "--data", OUT / "empty", "--out", OUT / "run")
refuses(20, "empty", "train", "--method", "hdxray-mae", "--data", OUT / "empty", "--out", OUT / "run")
refuses(3, "there is nothing to resume", "train", "--out", OUT / "run", "--resume")

# models that are none, or lie about themselves
(OUT / "none.safetensors").write_text("not a header at all")
header = json.dumps({"weight": {"dtype": "F32", "shape": [1000, 1000], "data_offsets": [0, 4000000]}}).encode()
(OUT / "lying.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(16))
for model in ("none", "lying"):
    refuses(5, f"{model}.safetensors", "reconstruct", "--model", OUT / f"{model}.safetensors", OUT / "images", "--out", OUT / "r")
if (OUT / "run" / "job.json").exists() or (OUT / "r" / "result.json").exists():
    failures.append("a refused command left something half-made")

# one small real run, then its files from elsewhere: another method, another version of the cache, no GPU
for n in range(6):
    png(OUT / "images" / f"{n}.png", n)
small = ("--set", "image_size=64", "--set", "steps=2", "--set", "batch=2", "--set", "warmup_steps=1")
works("prepare", "--data", OUT / "images", "--for", "mae", "--set", "image_size=64", "--out", OUT / "cache")
refuses(18, "cannot look at .*xxx", "prepare", "--data", OUT / "images", "--for", "mae", "--set", "image_size=64", "--out", never)
# many files of one kind of refusal are told in a few lines; JSON has them all
(OUT / "mixed").mkdir()
png(OUT / "mixed" / "good.png", 1)
for number in range(9):
    truncated_dicom(OUT / "mixed" / f"{number}.dcm")
got, said = hilum("prepare", "--data", OUT / "mixed", "--for", "mae", "--set", "image_size=64", "--out", OUT / "mixed-cache", "--json")
if got or said.count("left out: ") != 4 or "6 more of the kind truncated" not in said or said.count('"file"') != 9:
    failures.append(f"prepare of nine cut files and a good one ended with {got} and said: {said[-2000:]}")
refuses(2, "is a prepared cache and is used as it is", "prepare", "--data", OUT / "cache", "--for", "mae", "--set", "image_size=64", "--out", OUT / "other")
works("prepare", "--data", OUT / "cache", "--for", "mae", "--set", "image_size=64", "--out", OUT / "cache")
if (OUT / "other").exists():
    failures.append("preparing a prepared cache made a folder")
works("train", "--method", "mae", "--preset", "tiny", "--data", OUT / "cache", "--out", OUT / "mae", *small)
# weights to begin with that are not there, are no model, or are of another network: said before anything is prepared or written, as the run says it
(OUT / "weightless.safetensors").write_bytes(struct.pack("<Q", 2) + b"{}")
prepared = set((OUT / "home" / "cache" / "caches").glob("*"))
starts = ("train", "--method", "mae", "--preset", "tiny", "--data", OUT / "cache", *small)
for number, code, file, other in ((0, 3, "absent.safetensors", ()), (1, 3, "empty", ()), (2, 5, "none.safetensors", ()), (3, 5, "weightless.safetensors", ()), (4, 13, "mae", ("--set", "width=96"))):
    beginning = (*starts, *other, "--set", f"start_from={os.path.relpath(OUT / file)}", "--out", OUT / f"start{number}")
    refuses(code, "start_from", *beginning, "--dry-run")
    if (OUT / f"start{number}").exists():
        failures.append(f"a dry run with start_from={file} left a run folder")
    if (got := same(*beginning)) != code:
        failures.append(f"a run with start_from={file} ended with {got}, expected {code}")
    # so also for images that would have to be prepared first
    refuses(code, "start_from", "train", "--method", "mae", "--preset", "tiny", *small, *beginning[len(starts):], "--data", OUT / "images")
    if (OUT / f"start{number}").exists() or set((OUT / "home" / "cache" / "caches").glob("*")) != prepared:
        failures.append(f"start_from={file}: images were prepared or a run folder was made before it was refused")
works(*starts, "--set", f"start_from={OUT / 'mae'}", "--out", OUT / "start", "--dry-run")
# a device that is not here: before images are prepared or a run folder is made; only what is written for another computer may name it
prepared = set((OUT / "home" / "cache" / "caches").glob("*"))
gpu = ("--out", OUT / "gpu", "--device", "cuda:0")
asked = ("train", "--method", "mae", "--preset", "tiny", *small)
refuses(11, "cuda:0 is asked for", *asked, "--data", OUT / "cache", *gpu)
refuses(11, "cuda:1 is asked for", *asked, "--data", OUT / "images", "--out", OUT / "gpu", "--device", "cuda:1")
refuses(2, 'device "gpu" is none of auto, cpu, cuda, cuda:N', *asked, "--data", OUT / "images", "--out", OUT / "gpu", "--device", "gpu")
refuses(11, "cuda:0 is asked for", "train", "--job", OUT / "mae" / "job.json", "--data", OUT / "images", *gpu)
refuses(11, "cuda:0 is asked for", "finetune", "--model", OUT / "mae", "--label", "finding", "--data", OUT / "images", *gpu)
if (OUT / "gpu").exists() or set((OUT / "home" / "cache" / "caches").glob("*")) != prepared:
    failures.append("a job on a device that is not here prepared images or left a run folder")
works(*asked, "--data", OUT / "cache", "--out", OUT / "elsewhere", "--device", "cuda:0", "--write-job")
job = json.loads((OUT / "mae" / "job.json").read_text())
other = {**job, "method": "hdxray-mae", "preset": "tiny"}
listed = json.loads(hilum("methods", "--json")[1])
fields = {field["key"]: field["default"] for method in listed["methods"] if method["id"] == "hdxray-mae" for field in method["schema"]}
other["options"] = {key: job["options"].get(key, value) for key, value in fields.items()}
shutil.copytree(OUT / "mae" / "checkpoints", OUT / "mixed" / "checkpoints")
(OUT / "mixed" / "job.json").write_text(json.dumps(other))
before = {file: (file.stat().st_mtime_ns, file.is_file() and file.read_bytes()) for file in (OUT / "mixed").rglob("*")}
refuses(11, "cuda:0 is asked for", "train", "--out", OUT / "mixed", "--resume", "--device", "cuda:0")
if before != {file: (file.stat().st_mtime_ns, file.is_file() and file.read_bytes()) for file in (OUT / "mixed").rglob("*")}:
    failures.append("a run that was to go on on a device that is not here is no longer what it was")
refuses(13, "of method mae, the job asks for hdxray-mae", "train", "--out", OUT / "mixed", "--resume")
index = (OUT / "cache" / "index.json").read_text()
(OUT / "cache" / "index.json").write_text(index.replace("hilum.cache/1", "hilum.cache/0"))
refuses(10, "another version", "train", "--method", "mae", "--preset", "tiny", "--data", OUT / "cache", "--out", OUT / "again", *small)

# what a method does not do is said before anything is made
film = OUT / "images" / "0.png"
untrained = ("reconstruct", "--method", "mae", "--preset", "tiny", film, "--out", OUT / "asked")
refuses(2, "--at places a crop of a volume, and the image is a radiograph", *untrained, "--at", "1,2,3")
refuses(2, "--at is \"1,2\", it must be X,Y,Z in millimetres", *untrained, "--at", "1,2")
refuses(2, "--region says nothing to .*, which hides no places by a region", *untrained, "--region", film)
refuses(2, "--donor says nothing to .*, which shows no donor", *untrained, "--donor", film)
refuses(2, "give one of them", *untrained, "--donor", film, "--other", film)
refuses(2, "--report says nothing to .*, which shows no similarity", *untrained, "--report", film)

# a chest region from mask files: from a table that names them, from --region, never from somewhere else
tiny = ("--set", "image_size=64", "--set", "tokeniser_width=16", "--set", "width=32", "--set", "depth=1", "--set", "heads=2", "--set", "decoder_width=32", "--set", "decoder_depth=1",
        "--set", "decoder_heads=2", "--set", "steps=2", "--set", "batch=2", "--set", "warmup_steps=1", "--set", "mask_ratio_inside=0.5", "--set", "mask_ratio_outside=0.5",
        "--set", "region_source=mask-file")
train = ("train", "--method", "hdxray-mae", "--preset", "tiny", *tiny)
refuses(14, "come from mask files.*columns filename and mask", *train, "--data", OUT / "images", "--out", OUT / "masked")
table = OUT / "table" / "list.csv"
(OUT / "table").mkdir()
for n in range(6):
    shutil.copy(OUT / "images" / f"{n}.png", OUT / "table" / f"{n}.png")
    png(OUT / "table" / f"{n}_mask.png", n, mask=True)
table.write_text("filename,patientid,chest\n" + "".join(f"{n}.png,{n},{n}_mask.png\n" for n in range(6)))
refuses(14, "has no column \"mask\" for the masks", *train, "--data", table, "--out", OUT / "masked")
works(*train, "--set", "region_column=Chest", "--data", table, "--out", OUT / "masked")
ask = ("reconstruct", "--model", OUT / "masked", film, "--out", OUT / "asked")
refuses(2, "takes the chest region from a mask file here, and none is given: name it with --region", *ask)
refuses(2, "--region names a mask file and region_source = as-released another region", *ask, "--set", "region_source=as-released", "--region", OUT / "table" / "0_mask.png")
png(OUT / "large.png", 1, 80)
refuses(13, r"large.png has 80 x 80 pixels and its image 64 x 64", *ask, "--region", OUT / "large.png")
refuses(3, "nowhere.png", *ask, "--region", OUT / "nowhere.png")
shown = ("--model", OUT / "masked", film, "--out")
works("reconstruct", *shown, OUT / "given", "--region", OUT / "table" / "0_mask.png")
works("reconstruct", *shown, OUT / "computed", "--set", "region_source=paper-idea")
works("attention", *shown, OUT / "attended")
for folder, expected in (("given", "mask-file"), ("computed", "lung-contour"), ("attended", "none")):
    record = json.loads((OUT / folder / "result.json").read_text())
    if (got := record["provenance"]["preprocessing"]["pipeline"]["region"]) != expected:
        failures.append(f"{folder}: the region is {got}, expected {expected}")
given = json.loads((OUT / "given" / "result.json").read_text())
if (given["tokens_inside"], given["tokens_outside"]) != (8, 8):
    failures.append(f"the mask's half: {given['tokens_inside']} tokens inside, {given['tokens_outside']} outside")
for folder in ("given", "attended"):
    works("reproduce", OUT / folder / "result.json")
for method in listed["methods"]:
    if method["id"] in ("voco", "dae"):
        volume = OUT / "volume.nii"
        small_nifti(volume)
        ask = ("--method", method["id"], "--preset", "tiny", volume, "--out", OUT / "asked")
        refuses(2, "hides no places of the image, so --mask says nothing to it", "reconstruct", *ask, "--mask", film)
        refuses(2, "lies outside of the volume", "reconstruct", *ask, "--at", "9000,0,0")
        if method["id"] == "voco":  # two slabs: a crop's place along k counts
            refuses(14, r"crop centre k = \d+ is outside \[32, 96\]", "reconstruct", *ask, "--set", "overlap=volume", "--set", "grid_depth=2", "--at=-40,-40,76")
        # no rollout through shifted windows; what there is hides blocks
        refuses(6, "has no rollout map: its encoder attends within shifted windows, and no rollout through these is accepted; --kind occlusion is what there is", "attention", *ask, "--kind", "rollout")
        refuses(2, "--query says nothing to the occlusion map", "attention", *ask, "--query", "1,2,3")
        refuses(2, r"block = 1 makes \d+ x \d+ x \d+ = \d+ blocks of what the model sees, 4096 are the most", "attention", *ask, "--block", "1")
        at, said = ("1,2", "it must be X,Y,Z in patient millimetres") if method["id"] == "dae" else ("0,0,0", "--at says nothing to VoCo")
        refuses(2, said, "attention", *ask, "--at", at)
        hidden = OUT / f"hidden-{method['id']}"
        works("attention", "--method", method["id"], "--preset", "tiny", volume, "--out", hidden, "--block", "32", *(("--at=-40,-40,40",) if method["id"] == "dae" else ()))
        record = json.loads((hidden / "result.json").read_text())
        with open(hidden / "tensors.safetensors", "rb") as file:
            arrays = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        blocks = [1, 2, 2] if method["id"] == "dae" else [2, 3, 3]
        for what, got, expected in (("kind", record["kind"], "occlusion"), ("blocks", arrays["attention_map"]["shape"], blocks), ("grid", record["grid"]["tokens"], blocks),
                                    ("on the image", arrays["attention_image"]["shape"], [40, 40, 40]), ("asked", record["request_fields"]["block"], 32),
                                    ("layers, heads and matrices", [key for key in ("layers", "heads", "layer", "head", "attention_rows", "query_token") if key in record] + [key for key in arrays if key == "attention"], []),
                                    ("files", {"attention.png", "attention.nii.gz"} - set(record["files"]), set())):
            if got != expected:
                failures.append(f"occlusion of {method['id']}, {what}: {got}, expected {expected}")
        if not 0 <= record["numbers"]["minimum"] <= record["numbers"]["maximum"] <= 2:
            failures.append(f"occlusion of {method['id']}: values {record['numbers']}")
        works("reproduce", hidden / "result.json")
        refuses(13, "learns volumes, and the image is a single picture", "reconstruct", "--method", method["id"], "--preset", "tiny", film, "--out", OUT / "asked")
    if method["id"] == "unimedi":
        # attention of a whole volume, and several reports to compare with
        volume = OUT / "volume.nii"
        small_nifti(volume)
        unimedi = ("--method", "unimedi", "--preset", "tiny")
        refuses(2, "it must be X,Y,Z in patient millimetres", "attention", *unimedi, volume, "--out", OUT / "asked", "--query", "1,2")
        refuses(2, "--query 9000,0,0 lies outside of the volume", "attention", *unimedi, volume, "--out", OUT / "asked", "--query", "9000,0,0")
        (OUT / "silent.txt").write_text("")
        refuses(20, "silent.txt holds no text", "reconstruct", *unimedi, volume, "--out", OUT / "asked", "--report", OUT / "silent.txt")
        (OUT / "many.csv").write_text("report\n" + "".join(f"Report {n} of many.\n" for n in range(4097)))
        refuses(7, "many.csv makes it 4097 texts to compare an image with, at most 4096", "reconstruct", *unimedi, volume, "--out", OUT / "asked", "--report", OUT / "many.csv")
        works("attention", *unimedi, volume, "--out", OUT / "heat", "--query=-40,-40,40", "--kind", "mean")
        heat = json.loads((OUT / "heat" / "result.json").read_text())
        with open(OUT / "heat" / "tensors.safetensors", "rb") as file:
            arrays = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        if arrays["attention_image"]["shape"] != [40, 40, 40] or arrays["attention_map"]["shape"] != heat["grid"]["tokens"] or len(heat["grid"]["tokens"]) != 3:
            failures.append(f"attention of a volume: {arrays}, {heat['grid']}")
        slabs, rows, columns = heat["grid"]["tokens"]
        # the axes of the file run to the right, to the front and up, as the model's do: the middle of the file is the middle of the grid
        if heat["request_fields"]["query"] != (slabs // 2 * rows + rows // 2) * columns + columns // 2:
            failures.append(f"the middle of the volume is token {heat['request_fields']['query']} of {heat['grid']['tokens']}")
        (OUT / "a.txt").write_text("The lungs are clear.")
        (OUT / "b.txt").write_text("There is a left pleural effusion.")
        (OUT / "reports.csv").write_text("filename,report\none.png,A nodule in the right lung.\ntwo.png,\nthree.png,The heart is large.\n")
        texts = ("--report", OUT / "a.txt", "--report", OUT / "b.txt", "--report", OUT / "reports.csv")
        for name, image in (("told", volume), ("told-film", film)):
            works("reconstruct", *unimedi, *texts, image, "--out", OUT / name)
            told = json.loads((OUT / name / "result.json").read_text())
            cosines = [one["cosine"] for one in told["nearest"]]
            if told["similarity_texts"] != ["a.txt", "b.txt", "one.png", "three.png"] or cosines != sorted(cosines, reverse=True) or len(cosines) != 4:
                failures.append(f"{name}: {told['similarity_texts']}, {told['nearest']}")
            for file in ("similarity.png", "attention.png", *(["attention.nii.gz"] if image == volume else [])):
                if file not in told["files"] or not (OUT / name / file).is_file():
                    failures.append(f"{name}: {file} is not among {told['files']}")
        works("attention", *unimedi, film, "--out", OUT / "heat-film", "--query", "32,32")
        for name in ("heat", "told", "told-film", "heat-film"):
            works("reproduce", OUT / name / "result.json")
        if "attention.nii.gz" not in heat["files"]:
            failures.append(f"attention of a volume wrote {heat['files']}")
if (OUT / "asked").exists():
    failures.append("a refused reconstruct left something behind")

if failures:
    sys.exit("\n".join(failures))
print("every wrong input was refused with its number and its sentence")
