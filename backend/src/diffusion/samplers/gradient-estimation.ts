import {
  addScaled,
  defineSampler,
  derivative,
  pairs,
  subtract,
  z,
  type Denoised,
  type SamplerInput,
  type SamplerStep,
  type Tensor,
} from '@atelier/sdk';

const options = z.object({
  ge_gamma: z
    .number()
    .min(1)
    .max(5)
    .default(2)
    .meta({ infotext: 'GE gamma' })
    .describe('How much the change of slope is carried on; 1 is plain Euler.'),
});

/** Euler that carries on the change of slope of the last step (Permenter and Yuan 2024, "gradient estimation"). */
export const gradientEstimation = defineSampler({
  id: 'gradient-estimation',
  label: 'Gradient Estimation',
  aliases: ['gradient_estimation'],
  options,
  steps: (input) => steps(input, ({ denoised }) => denoised),
});

/** The same back along the unconditional answer (Chung et al. 2024, "CFG++"). */
export const gradientEstimationCfgPp = defineSampler({
  id: 'gradient-estimation-cfg-pp',
  label: 'Gradient Estimation CFG++',
  aliases: ['gradient_estimation_cfg_pp'],
  options,
  steps: (input) => steps(input, ({ uncond }) => uncond),
});

/** @param awayFrom which of the model's answers the slope is taken from. */
async function* steps(
  { denoise, sigmas, options: { ge_gamma }, memory, ...input }: SamplerInput<z.output<typeof options>>,
  awayFrom: (answer: Denoised) => Tensor,
): AsyncGenerator<SamplerStep> {
  let x = input.x;
  let before = memory?.slope as Tensor | undefined;
  for (const [sigma, next] of pairs(sigmas)) {
    const answer = await denoise(x, sigma);
    const { denoised } = answer;
    const slope = derivative(x, awayFrom(answer), sigma);
    if (next === 0) {
      x = denoised;
    } else {
      x = addScaled(denoised, slope, next);
      if (before) x = addScaled(x, subtract(slope, before), (ge_gamma - 1) * (next - sigma));
    }
    before = slope;
    yield { x, denoised, sigma, memory: { slope } };
  }
}
