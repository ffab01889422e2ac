import { defineScheduler, type ModelSampling, type Scheduler } from '@atelier/sdk';

/** Published levels of a few steps, falling, for the models that they were found on. */
type Anchors = Record<'sd1' | 'sdxl', readonly number[]>;

/** Levels that were optimised for a model (Sabour et al. 2024, "Align Your Steps"). */
const TEN_STEPS: Anchors = {
  sd1: [14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029],
  sdxl: [14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.38, 0.234, 0.113, 0.029],
};

/** The same with the ends of SD1's and SDXL's own levels, as ComfyUI writes them down. */
const TEN_STEPS_OF_COMFYUI: Anchors = {
  sd1: [
    14.6146412293, 6.4745760956, 3.8636745985, 2.694615152, 1.8841921177, 1.3943805092, 0.9642583904, 0.6523686016, 0.3977456272,
    0.1515232662, 0.0291671582,
  ],
  sdxl: [
    14.6146412293, 6.3184485287, 3.7681790315, 2.1811480769, 1.3405244945, 0.8620721141, 0.5550693289, 0.3798540708, 0.2332364134,
    0.1114188177, 0.0291671582,
  ],
};

/** Found by GITS (Chen et al. 2024), which needs no optimisation: a search for few straight pieces. */
const GITS: Anchors = {
  sd1: [14.615, 4.617, 2.507, 1.236, 0.702, 0.402, 0.24, 0.156, 0.104, 0.094, 0.029],
  sdxl: [14.615, 4.734, 2.567, 1.529, 0.987, 0.652, 0.418, 0.268, 0.179, 0.127, 0.029],
};

/** More anchors, down to half the model's lowest level. */
const THIRTY_TWO: Anchors = {
  sd1: [
    14.615, 11.23951352, 8.64363081, 6.64729424, 5.57250862, 4.71648546, 3.99196065, 3.5195609, 3.13490466, 2.79228788, 2.48773628,
    2.21663865, 1.97508351, 1.7793172, 1.61475335, 1.46540953, 1.314849, 1.16642497, 1.03475547, 0.91573744, 0.80748169, 0.71202361,
    0.621739, 0.53065202, 0.4529096, 0.37491455, 0.27461819, 0.2011529, 0.14105873, 0.06682881, 0.03166121, 0.015,
  ],
  sdxl: [
    14.615, 11.1491618, 8.50522127, 6.48827151, 5.43707402, 4.60398619, 3.89854704, 3.27407457, 2.74396527, 2.29968659, 1.95448514,
    1.67108715, 1.42878152, 1.23181009, 1.06789649, 0.92579443, 0.80290886, 0.69660121, 0.60436903, 0.52852552, 0.46773344, 0.41393379,
    0.36258186, 0.31008517, 0.26518925, 0.22326461, 0.17653877, 0.13959192, 0.10587381, 0.05519369, 0.02877334, 0.015,
  ],
};

/** Levels optimised for SD1 and SDXL (Sabour et al. 2024), interpolated in log σ for other numbers of steps than ten. */
export const alignYourSteps = anchored('align-your-steps', 'Align Your Steps', 'align_your_steps', TEN_STEPS);

/** A1111's second name for the same levels; pictures made elsewhere carry it. */
export const alignYourSteps11 = anchored('align-your-steps-11', 'Align Your Steps 11', 'align_your_steps_11', TEN_STEPS);

/** Levels found by GITS (Chen et al. 2024), interpolated in log σ for other numbers of steps than ten. */
export const alignYourStepsGits = anchored('align-your-steps-gits', 'Align Your Steps GITS', 'align_your_steps_GITS', GITS);

/** Thirty-two levels, down to half the model's lowest, interpolated in log σ for other numbers of steps. */
export const alignYourSteps32 = anchored('align-your-steps-32', 'Align Your Steps 32', 'align_your_steps_32', THIRTY_TWO);

/** The same as ComfyUI has them: the lowest level is left out, so that the last step leads from the one above it to 0. */
export const alignYourStepsComfyui = defineScheduler({
  id: 'align-your-steps-comfyui',
  label: 'Align Your Steps (ComfyUI)',
  suits: ({ prediction }) => prediction !== 'flow',
  levels: ({ anchors }, stepCount) => interpolated(TEN_STEPS_OF_COMFYUI[anchors ?? 'sd1'], stepCount + 1).toSpliced(-2, 1),
});

/** The same as reForge has them: as parts of the model's highest level, of which it writes down three digits or all. */
export const ofReforge: readonly Scheduler[] = [
  anchored('align-your-steps-reforge', 'Align Your Steps (reForge)', 'align_your_steps_reforge', TEN_STEPS, partsInDigits(3)),
  anchored('align-your-steps-11-reforge', 'Align Your Steps 11 (reForge)', 'align_your_steps_11_reforge', TEN_STEPS, partsInDigits(3)),
  anchored('align-your-steps-gits-reforge', 'Align Your Steps GITS (reForge)', 'align_your_steps_GITS_reforge', GITS, partsInDigits(3)),
  anchored('align-your-steps-32-reforge', 'Align Your Steps 32 (reForge)', 'align_your_steps_32_reforge', THIRTY_TWO, partsInDigits(15)),
];

/**
 * The anchors of the model's sort, for other numbers of steps interpolated in log σ. They are
 * not for flow models, whose levels are shares of noise up to 1.
 */
function anchored(id: string, label: string, alias: string, anchors: Anchors, fit: Fit = (published) => published): Scheduler {
  return defineScheduler({
    id,
    label,
    aliases: [alias],
    suits: ({ prediction }) => prediction !== 'flow',
    levels: (model: ModelSampling, stepCount) => interpolated(fit(anchors[model.anchors ?? 'sd1'], model), stepCount),
  });
}

/** `count` levels along the anchors, evenly by place and linear in log σ, then 0. A single one is the lowest anchor. */
function interpolated(anchors: readonly number[], count: number): number[] {
  const last = anchors.length - 1;
  const levelAt = (place: number) => {
    const above = Math.min(Math.floor(place), last - 1);
    const share = place - above;
    return Math.exp((1 - share) * Math.log(anchors[above]) + share * Math.log(anchors[above + 1]));
  };
  const places = Array.from({ length: count }, (_, index) => last - (last * index) / Math.max(count - 1, 1));
  return [...places.reverse().map(levelAt), 0];
}

/** Anchors for a model: the highest is its own, the lowest stays, and the others are so many times below the highest. */
function partsInDigits(digits: number): Fit {
  const unit = 10 ** digits;
  return ([highest, ...rest], { sigmaMax }) => {
    const lowest = rest[rest.length - 1];
    const between = rest.slice(0, -1).map((anchor) => sigmaMax / (Math.trunc((highest / anchor) * unit) / unit));
    return [sigmaMax, ...between, lowest];
  };
}

/** Makes anchors those of a model. */
type Fit = (anchors: readonly number[], model: ModelSampling) => readonly number[];
