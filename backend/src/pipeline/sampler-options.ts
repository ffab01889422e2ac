import { AppError, type Sampler, type Scheduler, type Txt2ImgRequest } from '@atelier/sdk';

/** An option that the sampler or the schedule does not have, or a value that the option cannot take. */
export class OptionInvalid extends AppError {
  readonly code: 'sampler-option-invalid' | 'schedule-option-invalid';
  constructor(what: 'sampler' | 'schedule', { label, options }: Sampler | Scheduler, reason: string) {
    const names = Object.keys(options.shape);
    super(
      `The ${what} "${label}" cannot take these options: ${reason}`,
      names.length > 0 ? `Its options: ${names.join(', ')}.` : 'It has no options.',
    );
    this.code = `${what}-option-invalid`;
  }
}

/** The sampler's options of a run, checked by its own schema, with its defaults filled in. */
export function samplerOptions({ samplerOptions: asked }: Txt2ImgRequest, sampler: Sampler): Record<string, unknown> {
  return checked('sampler', sampler, asked);
}

/** The same for the schedule that is used. */
export function schedulerOptions({ schedulerOptions: asked }: Txt2ImgRequest, scheduler: Scheduler): Record<string, unknown> {
  return checked('schedule', scheduler, asked);
}

function checked(what: 'sampler' | 'schedule', noun: Sampler | Scheduler, asked: Record<string, unknown>): Record<string, unknown> {
  const result = noun.options.strict().safeParse(asked);
  if (result.success) return result.data;
  const [{ path, message }] = result.error.issues;
  throw new OptionInvalid(what, noun, path.length > 0 ? `${path.join('.')}: ${message}.` : `${message}.`);
}
