import { z } from '@atelier/sdk';

/** Options of samplers that add fresh noise after every step. Names are A1111's. */
export const ancestralOptions = z.object({
  eta: z.number().min(0).max(2).default(1).meta({ infotext: 'Eta' }).describe('Share of each step that is fresh noise.'),
  s_noise: z.number().min(0).max(2).default(1).meta({ infotext: 'Sigma noise' }).describe('Strength of the fresh noise.'),
});
