"""hilum import-weights on checkpoints that Python's own pickle and zipfile wrote: good ones, and ones that attack the reader.

usage: import_weights.py HILUM OUT
"""
import argparse, collections, io, json, os, pickle, shutil, struct, subprocess, sys, types, zipfile

hilum, out = sys.argv[1], sys.argv[2]
environment = {**os.environ, "HILUM_HOME": os.path.join(os.path.abspath(out), "home")}
shutil.rmtree(out, ignore_errors=True)
os.makedirs(out)
failures = 0


def module(name, **members):
    made = types.ModuleType(name)
    for key, value in members.items():
        if callable(value):
            value.__module__ = name
        setattr(made, key, value)
    sys.modules[name] = made
    return made


# the names that torch.save writes, without torch
class FloatStorage:
    pass


def _rebuild_tensor_v2(*arguments):
    raise RuntimeError("never called")


torch = module("torch", FloatStorage=FloatStorage)
torch._utils = module("torch._utils", _rebuild_tensor_v2=_rebuild_tensor_v2)


class Storage:
    def __init__(self, key, values):
        self.key, self.values = key, values


class Tensor:
    def __init__(self, key, shape, fill, strides=None, offset=0, elements=None):
        count = 1
        for n in shape:
            count *= n
        self.storage = Storage(key, [fill + i / 1024 for i in range(count if elements is None else elements)])
        self.shape, self.offset = tuple(shape), offset
        self.strides = strides
        if strides is None:
            steps, step = [], 1
            for n in reversed(shape):
                steps.insert(0, step)
                step *= n
            self.strides = tuple(steps)

    def __reduce__(self):
        return _rebuild_tensor_v2, (self.storage, self.offset, self.shape, self.strides, False, collections.OrderedDict())


class Pickler(pickle._Pickler):
    def __init__(self, file, protocol):
        super().__init__(file, protocol)
        self.storages = {}

    def persistent_id(self, value):
        if isinstance(value, Storage):
            self.storages[value.key] = value.values
            return "storage", FloatStorage, value.key, "cpu", len(value.values)
        return None


def save(name, value, protocol=2, compression=zipfile.ZIP_STORED, extra=()):
    buffer = io.BytesIO()
    pickler = Pickler(buffer, protocol)
    pickler.dump(value)
    path = os.path.join(out, name)
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", buffer.getvalue())
        for key, values in pickler.storages.items():
            archive.writestr("archive/data/" + key, struct.pack(f"<{len(values)}f", *values))
        for entry, data in extra:
            archive.writestr(entry, data)
    return path


def safetensors(name, state):
    """The format of Hugging Face: the length of a JSON header, the header, the numbers."""
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for tensor_name, tensor in state.items():
        values = struct.pack(f"<{len(tensor.storage.values)}f", *tensor.storage.values)
        header[tensor_name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + len(values)]}
        data += values
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path = os.path.join(out, name)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)
    return path


def mae(decoder=False):
    """A tiny encoder in the published layout: 2 blocks, width 8, 4 x 4 patches of 4 pixels, 1 channel; with a decoder of one block, width 8."""
    state, number = collections.OrderedDict(), 0

    def put(name, *shape):
        nonlocal number
        state[name] = Tensor(str(number), shape, number)
        number += 1

    def block(start):
        for name, shape in {"norm1.weight": (8,), "norm1.bias": (8,), "attn.qkv.weight": (24, 8), "attn.qkv.bias": (24,), "attn.proj.weight": (8, 8), "attn.proj.bias": (8,),
                            "norm2.weight": (8,), "norm2.bias": (8,), "mlp.fc1.weight": (32, 8), "mlp.fc1.bias": (32,), "mlp.fc2.weight": (8, 32), "mlp.fc2.bias": (8,)}.items():
            put(f"{start}.{name}", *shape)

    put("cls_token", 1, 1, 8)
    put("pos_embed", 1, 17, 8)
    put("patch_embed.proj.weight", 8, 1, 4, 4)
    put("patch_embed.proj.bias", 8)
    for number_of_block in range(2):
        block(f"blocks.{number_of_block}")
    put("norm.weight", 8)
    put("norm.bias", 8)
    if decoder:
        put("mask_token", 1, 1, 8)
        put("decoder_pos_embed", 1, 17, 8)
        for name, shape in {"decoder_embed": (8, 8), "decoder_pred": (16, 8)}.items():
            put(name + ".weight", *shape)
            put(name + ".bias", shape[0])
        put("decoder_norm.weight", 8)
        put("decoder_norm.bias", 8)
        block("decoder_blocks.0")
    return state


def run(path, *settings):
    target = os.path.join(out, "model.safetensors")
    if os.path.exists(target):
        os.remove(target)
    done = subprocess.run([hilum, "import-weights", path, "--as", "mae", "--set", "heads=2", "--out", target, *settings], env=environment, capture_output=True, text=True, timeout=600)
    return done.returncode, done.stdout + done.stderr, os.path.exists(target)


def expect(what, path, code, words, *settings):
    global failures
    got, text, written = run(path, *settings)
    good = (got == code if code is not None else got not in (0, 1)) and written == (code == 0) and all(word in text for word in words)
    print(("ok   " if good else "FAIL ") + what + ("" if good else f": exit code {got}, file {'' if written else 'not '}written\n{text}"))
    failures += not good


namespace = argparse.Namespace(lr=1e-3, model="mae")
for protocol in (2, 3, 4, 5):
    path = save(f"good{protocol}.pth", {"model": mae(), "epoch": 3, "args": namespace, "best": 0.5, "names": ["a", ("b", None, True)], "set": {1, 2}}, protocol)
    expect(f"a checkpoint, pickle protocol {protocol}", path, 0, ["100.0 %", "argparse.Namespace (1)", "CC BY-NC"])

expect("safetensors", safetensors("good.safetensors", mae()), 0, ["100.0 %", "CC BY-NC"])

path = save("decoder.pth", {"model": mae(decoder=True)})
expect("a decoder that does not tell its target", path, 14, ["normalised_target=true"], "--set", "decoder_heads=2")
expect("a decoder of normalised patches", path, 0, ["100.0 %", "blocks.0.attn.proj.bias"], "--set", "decoder_heads=2", "--set", "normalised_target=true")
got, text, _ = run(path, "--set", "decoder_heads=2", "--set", "normalised_target=false", "--json")
named = json.JSONDecoder().raw_decode(text)[0]["loaded"] if got == 0 else text
if not (isinstance(named, list) and sorted(named) == sorted(mae(decoder=True))):
    print(f"FAIL the names of what was loaded: {named}")
    failures += 1


class Evil:
    def __init__(self, call, *arguments):
        self.call, self.arguments = call, arguments

    def __reduce__(self):
        return self.call, self.arguments


marker = os.path.join(out, "executed")
for protocol in (2, 4):
    for name, evil in {"os.system": Evil(os.system, f"touch {marker}"), "exec": Evil(exec, f"open({marker!r}, 'w')"), "subprocess": Evil(subprocess.Popen, ["touch", marker])}.items():
        for place, value in {"beside the weights": {"model": mae(), "args": evil}, "among them": {"model": dict(mae(), extra=evil)}, "alone": evil}.items():
            expect(f"{name} {place}, protocol {protocol}", save("evil.pth", value, protocol), 5, ["runs programs or code", "nothing was run"])
assert not os.path.exists(marker), "a checkpoint was executed"

big = dict(mae(), bomb=Tensor("bomb", (64,), 0))
expect("a compressed archive", save("bomb.pth", {"model": big}, compression=zipfile.ZIP_DEFLATED, extra=[("archive/data/zeros", bytes(50_000_000))]), None, ["unpack"])
expect("2^62 elements", save("huge.pth", {"model": dict(mae(), huge=Tensor("h", (1 << 31, 1 << 31), 0, (1 << 31, 1), elements=4))}), 7, ["4611686018427387904", "its storage has 4"])
expect("overlapping elements", save("overlap.pth", {"model": dict(mae(), over=Tensor("o", (3, 3), 0, (1, 1), elements=9))}), 5, ["overlap"])
expect("an offset outside", save("outside.pth", {"model": dict(mae(), out=Tensor("o", (3,), 0, offset=7, elements=9))}), 5, ["ends outside"])
whole = open(save("whole.pth", {"model": mae()}), "rb").read()
for share in (0.1, 0.5, 0.99):
    with open(os.path.join(out, "cut.pth"), "wb") as file:
        file.write(whole[:int(len(whole) * share)])
    expect(f"the first {share:.0%} of a file", os.path.join(out, "cut.pth"), 5, ["truncated"])
flipped = bytearray(whole)
flipped[whole.index(struct.pack("<f", 2 + 5 / 1024))] ^= 1
with open(os.path.join(out, "flipped.pth"), "wb") as file:
    file.write(flipped)
expect("a flipped bit", os.path.join(out, "flipped.pth"), 5, ["checksum"])
renamed = {("x." + name if "mlp" in name else name): tensor for name, tensor in mae().items()}
expect("a third of the names wrong", save("other.pth", {"model": renamed}), 13, ["missing blocks.0.mlp", "unexpected x.blocks.0.mlp", "95 %"])
expect("a text file", __file__, 5, ["no checkpoint"])
sys.exit(1 if failures else 0)
