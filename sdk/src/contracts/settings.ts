import { z } from 'zod';

/** Which networks of a model stay open: all of them, only the one at work, or as many as memory allows. */
export const ModelMemory = z.enum(['auto', 'keep', 'swap']);
export type ModelMemory = z.infer<typeof ModelMemory>;

/** What live previews are made with: a guess at the colours, or the tiny autoencoder that goes with the model. */
export const PreviewMethod = z.enum(['auto', 'colours', 'taesd']);
export type PreviewMethod = z.infer<typeof PreviewMethod>;

const pattern = z.string().max(500);

/** What is remembered on the server. Each extension has its own section, checked by its own schema. */
export const Settings = z
  .strictObject({
    checkpoint: z.string().nullable().default(null).describe('The chosen checkpoint; null until one was chosen or only one exists.'),
    language: z.string().default('en').describe('Language of the page: "en" or the name of a file in localization/.'),
    livePreviews: z.boolean().default(true).describe('Show the picture while it is being made.'),
    previewMethod: PreviewMethod.default('auto').describe(
      'How live previews are made: "colours" costs nothing and is coarse, "taesd" shows detail and needs a file in models/vae_approx; "auto" takes colours.',
    ),
    modelMemory: ModelMemory.default('auto').describe(
      'Which networks of a model stay open: "keep" all of them, "swap" one kind for the next, "auto" as the free memory allows.',
    ),
    prepack: z
      .boolean()
      .default(false)
      .describe(
        'Copy the weights of the diffusion model into the form that computes fastest: 6 to 11 % faster steps for 4 bytes a weight.',
      ),
    weightCacheGb: z
      .number()
      .min(0)
      .max(100_000)
      .default(20)
      .describe(
        'How many gigabytes copies of weights for precision int8 may take in data/cache/weights; those that were not used for longest are deleted.',
      ),
    output: z
      .strictObject({
        fileName: pattern.default('').describe('Pattern of file names, like "[seed]-[prompt_words]"; empty for the usual ones.'),
        inFolders: z.boolean().default(true).describe('Put pictures into folders.'),
        folder: pattern.default('[date]').describe('Pattern of the folders’ names.'),
        isNumbered: z.boolean().default(true).describe('Put a number that counts up before the name.'),
        maxPromptWords: z.int().min(1).max(100).default(8).describe('How many words [prompt_words] takes.'),
      })
      .prefault({})
      .describe('What the files of pictures are called.'),
    sdapi: z
      .strictObject({
        vae: z.string().default('auto').describe('Name of a VAE, "auto" or "own".'),
        modules: z.array(z.string()).default([]).describe('Paths of files that hold a VAE or text encoders.'),
        clipSkip: z.int().min(1).max(12).default(1),
      })
      .prefault({})
      .describe('What programs that speak with /sdapi have set for all of their requests.'),
    extensions: z.record(z.string(), z.record(z.string(), z.unknown())).default({}).describe('Settings of extensions, by extension id.'),
    disabledExtensions: z.array(z.string()).default([]).describe('Extensions that do not start.'),
  })
  .meta({ id: 'Settings' });
export type Settings = z.output<typeof Settings>;

/** A change: only the named settings; an extension's section is replaced as a whole. */
export const SettingsPatch = z.strictObject(withoutDefaults(Settings.shape)).meta({ id: 'SettingsPatch' }) as z.ZodType<SettingsPatch>;
export type SettingsPatch = Partial<Settings>;

/** The same fields, each to be left out at will: a default would put back what nobody has named. */
function withoutDefaults(fields: typeof Settings.shape): Record<string, z.ZodType> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, field]) => [
      name,
      field
        .unwrap()
        .optional()
        .describe(field.description ?? ''),
    ]),
  );
}
