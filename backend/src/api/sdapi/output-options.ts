import { Settings } from '@atelier/sdk/contracts';
import { RequestInvalid } from '../request-invalid.js';

type Output = Settings['output'];

/** A1111's options about file names, and ours. */
const names: Readonly<Record<string, keyof Output>> = {
  samples_filename_pattern: 'fileName',
  save_to_dirs: 'inFolders',
  directories_filename_pattern: 'folder',
  save_images_add_number: 'isNumbered',
  directories_max_prompt_words: 'maxPromptWords',
};

/** What these options are now. */
export function outputOptions(output: Output): Record<string, unknown> {
  return Object.fromEntries(Object.entries(names).map(([theirs, ours]) => [theirs, output[ours]]));
}

/**
 * What options make of the settings for file names; and the options that are not about these.
 *
 * @throws RequestInvalid
 */
export function takeOutput(options: Record<string, unknown>, standing: Output): { output: Output; others: Record<string, unknown> } {
  const given = Object.entries(options).filter(([, value]) => value !== null);
  const wanted = given.filter(([name]) => name in names).map(([name, value]) => [names[name], value] as const);
  const { data, error } = Settings.shape.output.safeParse({ ...standing, ...Object.fromEntries(wanted) });
  if (error) throw new RequestInvalid(error.issues, Settings.shape.output);
  return { output: data, others: Object.fromEntries(given.filter(([name]) => !(name in names))) };
}
