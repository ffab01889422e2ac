// Calls of diffusion models, each in a process of its own. Every round calls each variant once, one after another, so that
// whatever else the machine does meets all of them alike; ratios are of calls in the same round.
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { peakDuring, pytorchVersion, startPytorch, startUnet } from '../../measure/unet-process.mjs';
import { median } from '../../measure/table.mjs';

const GIGABYTE = 1e9;
/** ONNX Runtime's threads spin for a moment after a call, where nobody tells them to stop. */
const SETTLE_MS = 300;
/** As many as the model library asks for. */
const PIECES = 10;
/** Both branches of classifier-free guidance: one call is one step. */
const BATCH = 2;

/** Sides of a latent by the picture that they are of; 256 px is there because attention weighs less in it. */
const sides = { '512 px': 64, '256 px': 32 };
/** What must be reached at each, against PyTorch fp32. */
const targets = {
  '512 px': { inPlace: 1, prepacked: 0.95, half: 1.05 },
  '256 px': { inPlace: 0.75, prepacked: 0.75, half: 0.8 },
};
/** PyTorch ÷ ONNX Runtime with default options, from the facts sheet: for machines that have no PyTorch. */
const stored = { '512 px': { fp32: 1.11, bf16: 0.66 }, '256 px': { fp32: 1.52, bf16: 0.67 } };

const ours = { engine: 'ours', type: 'fp32', arithmetic: 'float32', mostPieces: PIECES, prepack: false };
const plain = { ...ours, name: 'ONNX Runtime, default options', engine: 'onnxruntime', mostPieces: 1 };
const inPlace = { ...ours, name: 'fp32 file, in place' };
const prepacked = { ...ours, name: 'fp32 file, prepacked', prepack: true };
const half = { ...ours, name: 'fp16 file, in place', type: 'fp16' };
const onePiece = { ...ours, name: 'fp16 file, in place, in one piece', type: 'fp16', mostPieces: 1 };
const int8 = { ...ours, name: 'int8', inEightBits: true };
const pytorch32 = { name: 'PyTorch fp32', engine: 'pytorch', type: 'fp32' };
const pytorch16 = { name: 'PyTorch bf16', engine: 'pytorch', type: 'bf16' };

/** SD1.5's UNet against PyTorch's, or against what ONNX Runtime with default options says that PyTorch would take. */
export async function measureUnet(size, wishes) {
  const version = pytorchVersion(wishes.python);
  const measured = await callsOf([plain, inPlace, prepacked, half, ...(version ? [pytorch32, pytorch16] : [])], {
    ...wishes,
    shapes: sd15Shapes(sides[size]),
  });
  const pytorch = (variant, type) =>
    version
      ? ratio(measured, variant, { fp32: pytorch32, bf16: pytorch16 }[type])
      : ratio(measured, variant, plain, { name: `PyTorch ${type}`, factor: stored[size][type] });
  return {
    title: `SD1.5 UNet, ${size}, batch ${BATCH}`,
    notes: [
      version
        ? `PyTorch ${version}, eager, channels_last.`
        : `there is no PyTorch here (--python names one). Its fp32 is taken for ${stored[size].fp32} × and its bf16 for ${stored[size].bf16} × ONNX Runtime with default options in the same round: the stored ratios of the facts sheet.`,
      noteOnTheMachine(measured),
    ],
    rows: [
      ...secondsRows(measured),
      ...Object.entries({ inPlace, prepacked, half }).map(([key, variant]) => ({
        ...pytorch(variant, 'fp32'),
        atMost: targets[size][key],
      })),
      pytorch(inPlace, 'bf16'),
    ],
  };
}

/** int8 against our fp32. What int8 does to pictures, `npm run bench -- int8` shows. */
export async function measureInt8(wishes) {
  const measured = await callsOf([inPlace, int8], { ...wishes, shapes: sd15Shapes(sides['512 px']) });
  return {
    title: `SD1.5 UNet, 512 px, batch ${BATCH}, int8`,
    notes: [noteOnTheMachine(measured)],
    rows: [...secondsRows(measured), { ...ratio(measured, int8, inPlace), atMost: 0.58 }],
  };
}

/** What it costs to cut the UNet in pieces, and what that is good for. */
export async function measurePieces(wishes) {
  const measured = await callsOf([onePiece, half], { ...wishes, shapes: sd15Shapes(sides['512 px']) });
  return {
    title: 'Yield points: SD1.5 UNet, 512 px, batch 2',
    notes: [noteOnTheMachine(measured)],
    rows: [
      ...secondsRows(measured),
      { ...ratio(measured, half, onePiece), measure: `${PIECES} pieces ÷ one piece`, atMost: 1.03 },
      {
        measure: 'longest stretch that Cancel waits for, as a share of a call',
        values: measured.get(half).calls.map(({ longestPiece, seconds }) => longestPiece / seconds),
        atMost: 0.2,
      },
    ],
  };
}

/** Inputs at 1024 px of what is larger than SD1.5. */
const largeShapes = {
  'sdxl-base': { x: [BATCH, 4, 128, 128], timesteps: [BATCH], context: [BATCH, 77, 2048], vector: [BATCH, 2816] },
  'sd3-medium': { x: [BATCH, 16, 128, 128], timesteps: [BATCH], context: [BATCH, 154, 4096], vector: [BATCH, 2048] },
};

/** Seconds and memory of one step of a large model. */
export async function measureLargeUnet(name, wishes) {
  const variant = { ...half, name: `${name}, fp16 file, in place`, model: name };
  const measured = await callsOf([variant], { ...wishes, rounds: 2, shapes: largeShapes[name] });
  const { peak } = measured.get(variant);
  return {
    title: `${name}, 1024 px, batch ${BATCH}`,
    notes: [noteOnTheMachine(measured)],
    rows: [...secondsRows(measured), { measure: 'own memory at most, GB', values: [peak] }],
  };
}

function sd15Shapes(side) {
  return { x: [BATCH, 4, side, side], timesteps: [BATCH], context: [BATCH, 77, 768] };
}

/**
 * Calls of each variant, in rounds; a first call of each is not counted. All variants are open at the same time.
 *
 * @typedef {{ calls: import('../../measure/unet-process.mjs').Call[], openingCpuSeconds: number, peak: number, threads: number }} Measured own memory in GB
 * @returns {Promise<Map<object, Measured>>}
 */
async function callsOf(variants, wishes) {
  const measured = new Map();
  const unets = new Map();
  try {
    for (let round = 0; round <= wishes.rounds; round++) {
      for (const variant of variants) {
        console.error(`round ${round} of ${wishes.rounds}: ${variant.name}`);
        const unet = unets.get(variant) ?? (await start(variant, wishes));
        unets.set(variant, unet);
        const { openingCpuSeconds } = unet;
        const { result, peak } = await peakDuring(unet.pid, () => unet.call(wishes.shapes));
        const before = measured.get(variant) ?? { calls: [], openingCpuSeconds, peak: 0, threads: wishes.threads };
        measured.set(variant, {
          ...before,
          calls: round === 0 ? [] : [...before.calls, result],
          peak: Math.max(before.peak, peak / GIGABYTE),
        });
        await pause(SETTLE_MS);
      }
    }
  } finally {
    for (const unet of unets.values()) await unet.stop();
  }
  return measured;
}

async function start({ model = 'sd15', inEightBits, ...variant }, { threads, python, checkpoint, modelsDir }) {
  if (variant.engine === 'pytorch') return await startPytorch({ python, type: variant.type, threads });
  const file = checkpoint(model, { type: variant.type, only: 'model.diffusion_model.' });
  return await startUnet({ ...variant, file, threads, ...(inEightBits && { cacheDir: path.join(modelsDir, 'cache') }) });
}

function secondsRows(measured) {
  return [...measured].map(([{ name }, { calls, openingCpuSeconds, peak }]) => {
    const opened = Number.isNaN(openingCpuSeconds) ? '' : `, opened in ${openingCpuSeconds.toFixed(1)} CPU-s`;
    return {
      measure: `${name}, s`,
      values: calls.map(({ seconds }) => seconds),
      note: `${median(calls.map(({ cpuSeconds }) => cpuSeconds)).toFixed(1)} CPU-s, own memory at most ${peak.toFixed(1)} GB${opened}`,
    };
  });
}

/**
 * Round by round, by the clock; the note says the same by processor time, which other work on the machine disturbs less.
 * `factor` is what something that is not here takes, in times of `against`.
 */
function ratio(measured, of, against, { name = against.name, factor = 1 } = {}) {
  const [ours, theirs] = [of, against].map((variant) => measured.get(variant).calls);
  const ratios = (kind) => ours.map((call, round) => kind(call) / kind(theirs[round]) / factor);
  return {
    measure: `${of.name} ÷ ${name}`,
    values: ratios(({ seconds }) => seconds),
    note: `${median(ratios(({ cpuSeconds }) => cpuSeconds)).toFixed(2)} by processor time`,
  };
}

/** How much of its cores the machine left to the calls. */
function noteOnTheMachine(measured) {
  const shares = [...measured.values()].flatMap(({ calls, threads }) =>
    calls.map(({ seconds, cpuSeconds }) => cpuSeconds / seconds / threads),
  );
  return `the calls had ${Math.round(100 * median(shares))} % of their cores (the median; near 100 on a quiet machine).`;
}
