"""The UNet of Stable Diffusion 1 in PyTorch, eager and channels_last, as a yardstick: random weights, the published sizes.

Started by unet-process.mjs with element type and threads. Each line on stdin is a latent's side; the answer on stdout is how many
milliseconds one call at batch 2 took. The first line out says that the model stands.
"""

import sys
import time

import torch
from torch import nn
from torch.nn.functional import gelu, interpolate, scaled_dot_product_attention, silu

CHANNELS, HEADS, CONTEXT = 320, 8, 768
LEVELS = (1, 2, 4, 4)
TIME = 4 * CHANNELS


def group_norm(width, eps=1e-5):
    return nn.GroupNorm(32, width, eps=eps)


class ResBlock(nn.Module):
    def __init__(self, source, width):
        super().__init__()
        self.norm1, self.conv1 = group_norm(source), nn.Conv2d(source, width, 3, padding=1)
        self.time = nn.Linear(TIME, width)
        self.norm2, self.conv2 = group_norm(width), nn.Conv2d(width, width, 3, padding=1)
        self.skip = nn.Conv2d(source, width, 1) if source != width else nn.Identity()

    def forward(self, x, time, _):
        h = self.conv1(silu(self.norm1(x))) + self.time(silu(time))[:, :, None, None]
        return self.skip(x) + self.conv2(silu(self.norm2(h)))


class Attention(nn.Module):
    def __init__(self, width, source):
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(each, width, bias=False) for each in (width, source, source))
        self.out = nn.Linear(width, width)

    def forward(self, x, source):
        query, key, value = (
            linear(each).unflatten(2, (HEADS, -1)).transpose(1, 2)
            for linear, each in ((self.query, x), (self.key, source), (self.value, source))
        )
        return self.out(scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2))


class Transformer(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm, self.into, self.out = group_norm(width, 1e-6), nn.Conv2d(width, width, 1), nn.Conv2d(width, width, 1)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.self_attention, self.cross_attention = Attention(width, width), Attention(width, CONTEXT)
        self.widen, self.narrow = nn.Linear(width, 8 * width), nn.Linear(4 * width, width)

    def forward(self, x, _, context):
        height, width = x.shape[2:]
        h = self.into(self.norm(x)).flatten(2).transpose(1, 2)
        normal = self.norms[0](h)
        h = h + self.self_attention(normal, normal)
        h = h + self.cross_attention(self.norms[1](h), context)
        inner, gate = self.widen(self.norms[2](h)).chunk(2, dim=2)
        h = h + self.narrow(inner * gelu(gate))
        return x + self.out(h.transpose(1, 2).unflatten(2, (height, width)))


class Resize(nn.Module):
    def __init__(self, width, is_up):
        super().__init__()
        self.is_up, self.conv = is_up, nn.Conv2d(width, width, 3, padding=1, stride=1 if is_up else 2)

    def forward(self, x, *_):
        return self.conv(interpolate(x, scale_factor=2) if self.is_up else x)


class Unet(nn.Module):
    def __init__(self):
        super().__init__()
        self.time = nn.Sequential(nn.Linear(CHANNELS, TIME), nn.SiLU(), nn.Linear(TIME, TIME))
        self.begin = nn.Conv2d(4, CHANNELS, 3, padding=1)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        width, skips = CHANNELS, [CHANNELS]
        for level, factor in enumerate(LEVELS):
            for _ in range(2):
                self.down.append(self.block(width, factor * CHANNELS, has_attention=level < 3))
                width = factor * CHANNELS
                skips.append(width)
            if level < 3:
                self.down.append(nn.ModuleList([Resize(width, is_up=False)]))
                skips.append(width)
        self.middle = nn.ModuleList([ResBlock(width, width), Transformer(width), ResBlock(width, width)])
        for level, factor in reversed(list(enumerate(LEVELS))):
            for index in range(3):
                block = self.block(width + skips.pop(), factor * CHANNELS, has_attention=level < 3)
                width = factor * CHANNELS
                if level > 0 and index == 2:
                    block.append(Resize(width, is_up=True))
                self.up.append(block)
        self.end = nn.Sequential(group_norm(width), nn.SiLU(), nn.Conv2d(width, 4, 3, padding=1))

    @staticmethod
    def block(source, width, has_attention):
        return nn.ModuleList([ResBlock(source, width)] + ([Transformer(width)] if has_attention else []))

    def forward(self, x, sinusoids, context):
        time = self.time(sinusoids)
        h = self.begin(x)
        skips = [h]
        for block in self.down:
            for part in block:
                h = part(h, time, context)
            skips.append(h)
        for part in self.middle:
            h = part(h, time, context)
        for block in self.up:
            h = torch.cat([h, skips.pop()], dim=1)
            for part in block:
                h = part(h, time, context)
        return self.end(h)


def main():
    element_type = {"fp32": torch.float32, "bf16": torch.bfloat16}[sys.argv[1]]
    torch.set_num_threads(int(sys.argv[2]))
    torch.manual_seed(1)
    torch.set_default_dtype(element_type)
    with torch.inference_mode():
        unet = Unet().eval().to(memory_format=torch.channels_last)
        parameters = sum(parameter.numel() for parameter in unet.parameters())
        print(f"PyTorch {torch.__version__}, {parameters / 1e6:.0f} M parameters", flush=True)
        for line in sys.stdin:
            side = int(line)
            x = torch.randn(2, 4, side, side).to(memory_format=torch.channels_last)
            sinusoids, context = torch.randn(2, CHANNELS), torch.randn(2, 77, CONTEXT)
            began_at = time.perf_counter()
            unet(x, sinusoids, context)
            print((time.perf_counter() - began_at) * 1000, flush=True)


main()
