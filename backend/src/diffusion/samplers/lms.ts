import { add, combine, defineSampler, derivative, pairs, z, type SamplerInput, type SamplerStep } from '@atelier/sdk';
import { recall, remember, values, type Past } from './history.js';

const options = z.object({
  order: z.int().min(1).max(4).default(4).meta({ infotext: 'LMS order' }).describe('How many slopes the polynomial goes through.'),
});

/**
 * Linear multistep: follows the polynomial through the latest slopes (Adams-Bashforth for uneven steps, as Katherine
 * Crowson wrote it).
 */
export const lms = defineSampler({
  id: 'lms',
  label: 'LMS',
  aliases: ['k_lms'],
  options,
  order: 3, // 4 but for the first steps, which know fewer slopes
  steps: (input) => multistep(input, { endsInGuess: false }),
});

/** The same with the model's guess as the step to 0, as ComfyUI does it. */
export const lmsComfyui = defineSampler({
  id: 'lms-comfyui',
  label: 'LMS (ComfyUI)',
  options,
  order: 3,
  steps: (input) => multistep(input, { endsInGuess: true }),
});

async function* multistep(
  { denoise, sigmas, options: { order }, memory, ...input }: SamplerInput<z.output<typeof options>>,
  { endsInGuess }: { endsInGuess: boolean },
): AsyncGenerator<SamplerStep> {
  let x = input.x;
  let past = recall(memory);
  for (const [sigma, next] of pairs(sigmas)) {
    const { denoised } = await denoise(x, sigma);
    past = [{ sigma, value: derivative(x, denoised, sigma) }, ...past].slice(0, order);
    if (next === 0 && endsInGuess) {
      x = denoised;
    } else {
      const weights = past.map((_, index) => weight(past, index, sigma, next));
      x = add(x, combine(values(past), weights));
    }
    yield { x, denoised, sigma, memory: remember(past) };
  }
}

/** The integral from `from` to `to` of the polynomial that is 1 at one past level and 0 at the others. */
function weight(past: readonly Past[], index: number, from: number, to: number): number {
  const own = past[index].sigma;
  const others = past.filter((_, other) => other !== index);
  const basis = (at: number) => others.reduce((product, { sigma }) => (product * (at - sigma)) / (own - sigma), 1);
  return ((to - from) / 6) * (basis(from) + 4 * basis((from + to) / 2) + basis(to)); // Simpson's rule is exact up to cubics
}
