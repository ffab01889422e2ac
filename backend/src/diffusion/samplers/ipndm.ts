import { add, combine, defineSampler, derivative, pairs, scale, z, type SamplerInput, type SamplerStep } from '@atelier/sdk';
import { recall, remember, values, type Past } from './history.js';

const options = z.object({
  max_order: z.int().min(1).max(4).default(4).meta({ infotext: 'IPNDM order' }).describe('How many slopes are used.'),
});

/** Adams-Bashforth with the weights of even steps, whatever the steps are (Zhang and Chen 2022, "iPNDM"). */
export const ipndm = defineSampler({
  id: 'ipndm',
  label: 'IPNDM',
  options,
  order: 2,
  steps: (input) => multistep(input, { weights: evenWeights, endsInGuess: false }),
});

/** The same with the model's guess as the step to 0, as ComfyUI does it. */
export const ipndmComfyui = defineSampler({
  id: 'ipndm-comfyui',
  label: 'IPNDM (ComfyUI)',
  options,
  order: 2,
  steps: (input) => multistep(input, { weights: evenWeights, endsInGuess: true }),
});

/** iPNDM with weights for uneven steps, as the DEIS authors' code has them. */
export const ipndmV = defineSampler({
  id: 'ipndm-v',
  label: 'IPNDM_V',
  aliases: ['ipndm_v'],
  options,
  steps: (input) => multistep(input, { weights: unevenWeights, endsInGuess: false }),
});

/** The same with the model's guess as the step to 0, as ComfyUI does it. */
export const ipndmVComfyui = defineSampler({
  id: 'ipndm-v-comfyui',
  label: 'IPNDM_V (ComfyUI)',
  options,
  steps: (input) => multistep(input, { weights: unevenWeights, endsInGuess: true }),
});

/** Weights of the past slopes, the latest first, in units of the step from the latest level to `next`. */
type Weights = (past: readonly Past[], next: number) => readonly number[];

async function* multistep(
  { denoise, sigmas, options: { max_order }, memory, ...input }: SamplerInput<z.output<typeof options>>,
  { weights, endsInGuess }: { weights: Weights; endsInGuess: boolean },
): AsyncGenerator<SamplerStep> {
  let x = input.x;
  let past = recall(memory);
  for (const [sigma, next] of pairs(sigmas)) {
    const { denoised } = await denoise(x, sigma);
    past = [{ sigma, value: derivative(x, denoised, sigma) }, ...past].slice(0, max_order);
    if (next === 0 && endsInGuess) x = denoised;
    else x = add(x, scale(combine(values(past), weights(past, next)), next - sigma));
    yield { x, denoised, sigma, memory: remember(past) };
  }
}

/** Weights of Adams-Bashforth for even steps, with one to four slopes: of the latest and those before. */
export const ADAMS_BASHFORTH = [[1], [3 / 2, -1 / 2], [23 / 12, -16 / 12, 5 / 12], [55 / 24, -59 / 24, 37 / 24, -9 / 24]];

function evenWeights(past: readonly Past[]): readonly number[] {
  return ADAMS_BASHFORTH[past.length - 1];
}

/**
 * From three slopes on they are not quite those of Adams-Bashforth: a bracket in the original closes too late, and its
 * pictures are to be equalled.
 */
function unevenWeights(past: readonly Past[], next: number): number[] {
  const levels = [next, ...past.map(({ sigma }) => sigma)];
  const [h0, h1, h2, h3] = levels.slice(1).map((level, index) => levels[index] - level);
  if (past.length === 1) return [1];
  const linear = [1 + h0 / (2 * h1), -h0 / (2 * h1)];
  if (past.length === 2) return linear;

  const third = (1 - (h0 / (3 * (h0 + h1))) * ((h0 * (h0 + h1)) / (h1 * (h1 + h2)))) / 2;
  const quadratic = [linear[0] + third, linear[1] - (1 + h1 / h2) * third, (third * h1) / h2];
  if (past.length === 3) return quadratic;

  const fourth =
    (((1 - h0 / (3 * (h0 + h1))) / 2 + ((1 - h0 / (2 * (h0 + h1))) * h0) / (6 * (h0 + h1 + h2))) * (h0 * (h0 + h1) * (h0 + h1 + h2))) /
    (h1 * (h1 + h2) * (h1 + h2 + h3));
  const ratio = (h1 * (h1 + h2)) / (h2 * (h2 + h3));
  return [
    quadratic[0] + fourth,
    quadratic[1] - (1 + h1 / h2 + ratio) * fourth,
    quadratic[2] + (h1 / h2 + ratio * (1 + h2 / h3)) * fourth,
    (-fourth * ratio * h1) / h2,
  ];
}
