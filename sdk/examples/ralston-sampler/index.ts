import { addScaled, defineExtension, defineSampler, derivative, pairs, z } from '@atelier/sdk';

/** Ralston's second-order method: look again part-way into the step, then mix both slopes. Two model calls a step. */
const ralston = defineSampler({
  id: 'ralston',
  label: 'Ralston',
  callsPerStep: 2,
  order: 2,
  options: z.object({
    at: z
      .number()
      .min(0.1)
      .max(0.9)
      .default(2 / 3)
      .describe('How far into the step to look again.'),
  }),
  async *steps({ denoise, sigmas, options: { at }, ...input }) {
    let x = input.x;
    for (const [sigma, next] of pairs(sigmas)) {
      const { denoised } = await denoise(x, sigma);
      const slope = derivative(x, denoised, sigma);
      const ahead = sigma + at * (next - sigma);
      const probe = addScaled(x, slope, ahead - sigma);
      const slopeAhead = derivative(probe, (await denoise(probe, ahead)).denoised, ahead);
      const weight = (next - sigma) / (2 * at);
      x = addScaled(addScaled(x, slope, next - sigma - weight), slopeAhead, weight);
      yield { x, denoised, sigma };
    }
  },
});

export default defineExtension({ samplers: [ralston] });
