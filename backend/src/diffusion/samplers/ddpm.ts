import { addScaled, combine, defineSampler, pairs } from '@atelier/sdk';

/** The reverse of the noising process itself (Ho et al. 2020, algorithm 2), with its smaller variance; between any two levels. */
export const ddpm = defineSampler({
  id: 'ddpm',
  label: 'DDPM',
  drawsNoise: true,
  async *steps({ denoise, noise, sigmas, ...input }) {
    let x = input.x;
    for (const [sigma, next] of pairs(sigmas)) {
      const { denoised } = await denoise(x, sigma);
      // the posterior of the next latent, given this one and the guess of the clean one, in variance-exploding form
      const kept = next ** 2 / sigma ** 2;
      x = combine([x, denoised], [kept, 1 - kept]);
      if (next > 0) x = addScaled(x, noise(sigma, next), next * Math.sqrt(1 - kept));
      yield { x, denoised, sigma };
    }
  },
});
