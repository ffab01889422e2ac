import { AppError, type Sampler, type Txt2ImgRequest } from '@atelier/sdk';

/** An option that the sampler does not have, or a value that the option cannot take. */
export class SamplerOptionInvalid extends AppError {
  readonly code = 'sampler-option-invalid';
  constructor(sampler: Sampler, reason: string) {
    const names = Object.keys(sampler.options.shape);
    super(
      `The sampler "${sampler.label}" cannot take these options: ${reason}`,
      names.length > 0 ? `Its options: ${names.join(', ')}.` : 'It has no options.',
    );
  }
}

/** The options of a run, checked by the sampler's own schema, with its defaults filled in. */
export function samplerOptions({ samplerOptions: asked }: Txt2ImgRequest, sampler: Sampler): Record<string, unknown> {
  const checked = sampler.options.strict().safeParse(asked);
  if (checked.success) return checked.data;
  const [{ path, message }] = checked.error.issues;
  throw new SamplerOptionInvalid(sampler, path.length > 0 ? `${path.join('.')}: ${message}.` : `${message}.`);
}
