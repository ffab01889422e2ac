import { writeFullSize } from '../../full-size.mjs';
import { peakDuring, pytorchVersion, startPytorch, startUnet } from '../../measure/unet-process.mjs';
import { median } from '../../measure/table.mjs';

const GIGABYTE = 1e9;
/** As many as the model library asks for. */
const PIECES = 10;

/** Sides of a latent by the picture that they are of; 256 px is there because attention weighs less in it. */
const sizes = { '512 px': 64, '256 px': 32 };

/** PyTorch fp32 ÷ ONNX Runtime with default options, from the facts sheet: for machines that have no PyTorch. */
const storedPytorch = { '512 px': 1.11, '256 px': 1.52 };

const plain = { name: 'ONNX Runtime, default options', engine: 'onnxruntime', type: 'fp32', mostPieces: 1 };
const inPlace = { name: 'fp32 file, in place', engine: 'ours', type: 'fp32', mostPieces: PIECES };
const onePiece = { name: 'fp32 file, in place, one piece', engine: 'ours', type: 'fp32', mostPieces: 1 };
const prepacked = { name: 'fp32 file, prepacked', engine: 'ours', type: 'fp32', mostPieces: PIECES, deviceOptions: { prepack: true } };
const half = { name: 'fp16 file, in place', engine: 'ours', type: 'fp16', mostPieces: PIECES };
const pytorch32 = { name: 'PyTorch fp32', engine: 'pytorch', type: 'fp32' };
const pytorch16 = { name: 'PyTorch bf16', engine: 'pytorch', type: 'bf16' };

/** Everything that is measured: another precision is one more line here and one in `comparisons`. */
const variants = [plain, inPlace, onePiece, prepacked, half, pytorch32, pytorch16];

const comparisons = [
  { of: inPlace, against: pytorch32, atMost: { '512 px': 1, '256 px': 0.75 } },
  { of: prepacked, against: pytorch32, atMost: { '512 px': 0.95, '256 px': 0.75 } },
  { of: half, against: pytorch32, atMost: { '512 px': 1.05, '256 px': 0.8 } },
  { of: inPlace, against: plain },
  { of: prepacked, against: plain },
  { of: half, against: plain },
  { of: pytorch32, against: plain },
  { of: pytorch16, against: plain },
  { of: inPlace, against: onePiece, atMost: { '512 px': 1.03 } },
];

/**
 * Calls of SD1.5's UNet at batch 2. Every round starts each variant once, so that whatever else the machine does meets all of
 * them alike; ratios are of calls in the same round.
 */
export async function measureSpeed({ rounds, calls, threads, python, folder }) {
  const version = pytorchVersion(python);
  const there = variants.filter(({ engine }) => engine !== 'pytorch' || version);
  const seen = new Map(there.map((variant) => [variant, { rounds: [], opening: [], peaks: [] }]));
  for (let round = 1; round <= rounds; round++) {
    for (const variant of there) {
      console.error(`speed, round ${round} of ${rounds}: ${variant.name}`);
      const { opening, peaks, rounds: done } = seen.get(variant);
      const unet = await start(variant, { threads, python, folder });
      try {
        const { result, peak } = await peakDuring(unet.pid, () => timesOf(unet, calls));
        done.push(result);
        opening.push(unet.openingCpuSeconds);
        peaks.push(peak / GIGABYTE);
      } finally {
        await unet.stop();
      }
    }
  }
  return [
    ...Object.keys(sizes).map((size) => secondsTable(size, seen)),
    ...Object.keys(sizes).map((size) => ratioTable(size, seen, version)),
  ];
}

function start(variant, { threads, python, folder }) {
  if (variant.engine === 'pytorch') return startPytorch({ python, type: variant.type, threads });
  const file = writeFullSize('sd15', { type: variant.type, only: 'model.diffusion_model.', folder });
  return startUnet({ ...variant, file, threads });
}

/** Seconds of the calls at each size; the first of each size is not counted. */
async function timesOf(unet, calls) {
  const times = {};
  for (const [size, side] of Object.entries(sizes)) {
    await unet.call(side);
    times[size] = [];
    for (let call = 0; call < calls; call++) times[size].push((await unet.call(side)) / 1000);
  }
  return times;
}

function secondsTable(size, seen) {
  const rows = [...seen].map(([{ name }, { rounds, opening, peaks }]) => {
    const opened = opening.some(Number.isNaN) ? '' : `, opened in ${median(opening).toFixed(1)} CPU-s`;
    return {
      measure: name,
      values: rounds.flatMap((times) => times[size]),
      note: `own memory at most ${Math.max(...peaks).toFixed(1)} GB${opened}`,
    };
  });
  return { title: `SD1.5 UNet, ${size}, batch 2: seconds`, rows };
}

function ratioTable(size, seen, version) {
  const medians = (variant) => seen.get(variant)?.rounds.map((times) => median(times[size]));
  const rows = comparisons.flatMap(({ of, against, atMost }) => {
    const [ours, theirs] = [medians(of), medians(against) ?? medians(plain).map((time) => time * storedPytorch[size])];
    return ours
      ? [{ measure: `${of.name} ÷ ${against.name}`, values: ours.map((time, round) => time / theirs[round]), atMost: atMost?.[size] }]
      : [];
  });
  const note = version
    ? `PyTorch ${version}, eager, channels_last`
    : `No PyTorch here (--python names one): PyTorch fp32 = ${storedPytorch[size]} × ONNX Runtime with default options, the stored ratio of the facts sheet`;
  return { title: `SD1.5 UNet, ${size}: ratios, round by round`, notes: [note], rows };
}
