import { z } from '@atelier/sdk';
import type { Catalogue, Settings, Txt2ImgRequest } from '@atelier/sdk/contracts';
import { RequestInvalid } from '../request-invalid.js';
import { moduleNamed, partsOf, vaeNamed } from './resolve-parts.js';

/** What A1111 and Forge keep among their options until someone changes it: VAE, modules, clip skip. */
export type StandingChoices = Settings['sdapi'];

const TheirChoices = z.looseObject({
  sd_vae: z.string().nullish(),
  forge_additional_modules: z.array(z.string()).nullish(),
  CLIP_stop_at_last_layers: z.int().min(1).max(12).nullish(),
});

/**
 * What options, or overrides for one job, make of the choices that stand; and the options that are not about these.
 *
 * @throws RequestInvalid | ModuleNotFound
 */
export function takeChoices(
  options: Record<string, unknown>,
  catalogue: Catalogue,
  standing: StandingChoices,
): { chosen: StandingChoices; others: Record<string, unknown> } {
  const { data, error } = TheirChoices.safeParse(options);
  if (error) throw new RequestInvalid(error.issues, TheirChoices);
  const { sd_vae: vae, forge_additional_modules: modules, CLIP_stop_at_last_layers: clipSkip, ...others } = data;
  return {
    chosen: {
      vae: typeof vae === 'string' ? vaeNamed(catalogue, vae) : standing.vae,
      modules: modules?.map((name) => moduleNamed(catalogue, name).file) ?? standing.modules,
      clipSkip: clipSkip ?? standing.clipSkip,
    },
    others,
  };
}

/**
 * What the choices mean for a request.
 *
 * @throws ModuleNotFound | TwoVaes
 */
export function requestedBy(
  { vae, modules, clipSkip }: StandingChoices,
  catalogue: Catalogue,
): Pick<Txt2ImgRequest, 'vae' | 'textEncoders' | 'clipSkip'> {
  return { ...partsOf(catalogue, vae, modules), clipSkip };
}
