import type { Catalogue, CheckpointEntry, MissingPart, ModelPart, TextEncoderEntry, Txt2ImgRequest } from '@atelier/sdk/contracts';

export type TextEncoderKind = Exclude<ModelPart, 'vae'>;

/** Files that were chosen for parts of the model. */
export type ChosenParts = Pick<Txt2ImgRequest, 'vae' | 'textEncoders'>;

/** What a model is used with as long as nobody chose anything. */
export const automaticParts: ChosenParts = { vae: 'auto', textEncoders: [] };

/** Whether a request's `vae` is the name of a file. */
export function isVaeFile(vae: string): boolean {
  return vae !== 'auto' && vae !== 'own';
}

/** A chosen file that cannot be used with the checkpoint. */
export interface Misfit {
  part: 'vae' | 'textEncoders';
  name: string;
  why: 'gone' | 'unfit';
}

type Files = Pick<Catalogue, 'vaes' | 'textEncoders'>;

const kindsInOrder: readonly TextEncoderKind[] = ['clip-l', 'clip-h', 'clip-g', 't5'];

/** The text encoders that a checkpoint is used with, wherever they come from. */
export function textEncodersOf({ parts, missing }: CheckpointEntry): TextEncoderKind[] {
  return kindsInOrder.filter((kind) => parts.includes(kind) || missing.some(({ part }) => part === kind));
}

/** What a checkpoint still lacks beside the chosen files. */
export function stillMissing({ missing }: CheckpointEntry, { vae, textEncoders }: ChosenParts): MissingPart[] {
  return missing.filter(({ part, choices }) => (part === 'vae' ? !isVaeFile(vae) : !textEncoders.some((name) => choices.includes(name))));
}

/** Chosen files that are not there, and a VAE for latents of another form. */
export function misfits({ latentChannels }: CheckpointEntry, chosen: ChosenParts, files: Files): Misfit[] {
  const vae = files.vaes.find(({ name }) => name === chosen.vae);
  const gone = chosen.textEncoders.filter((wanted) => !files.textEncoders.some(({ name }) => name === wanted));
  return [
    ...(isVaeFile(chosen.vae) && vae?.latentChannels !== latentChannels
      ? [{ part: 'vae' as const, name: chosen.vae, why: vae ? ('unfit' as const) : ('gone' as const) }]
      : []),
    ...gone.map((name): Misfit => ({ part: 'textEncoders', name, why: 'gone' })),
  ];
}

/** The chosen files without those that another checkpoint has no use for. */
export function partsThatFit(checkpoint: CheckpointEntry, { vae, textEncoders }: ChosenParts, files: Files): ChosenParts {
  const kinds = textEncodersOf(checkpoint);
  const fits = files.vaes.some(({ name, latentChannels }) => name === vae && latentChannels === checkpoint.latentChannels);
  const isRead = (entry: TextEncoderEntry) => entry.kinds.some((kind) => kinds.includes(kind));
  const read = files.textEncoders.filter(isRead).map(({ name }) => name);
  return { vae: fits || !isVaeFile(vae) ? vae : automaticParts.vae, textEncoders: textEncoders.filter((name) => read.includes(name)) };
}

/** The file that a text encoder is taken from: of several, the last one counts. Undefined for the checkpoint's own. */
export function textEncoderChosen(
  kind: TextEncoderKind,
  chosen: readonly string[],
  files: readonly TextEncoderEntry[],
): string | undefined {
  return chosen.findLast((name) => files.find((file) => file.name === name)?.kinds.includes(kind));
}

/** The chosen files once that encoder is to be taken from `name`; without a name, from the checkpoint. */
export function chooseTextEncoder(
  kind: TextEncoderKind,
  name: string | undefined,
  chosen: readonly string[],
  files: readonly TextEncoderEntry[],
): string[] {
  const others = chosen.filter((other) => other !== name && !files.find((file) => file.name === other)?.kinds.includes(kind));
  return name === undefined ? others : [...others, name];
}

/** How files are usually called by those who offer them, where there is one name that all know. */
const usualEncoders: Partial<Record<TextEncoderKind, string>> = {
  'clip-l': 'clip_l.safetensors',
  'clip-g': 'clip_g.safetensors',
  t5: 't5xxl_fp16.safetensors',
};
const usualVaes: Readonly<Record<string, string>> = {
  sd15: 'vae-ft-mse-840000-ema-pruned.safetensors',
  sd2: 'vae-ft-mse-840000-ema-pruned.safetensors',
  sdxl: 'sdxl_vae.safetensors',
  'flux-dev': 'ae.safetensors',
  'flux-schnell': 'ae.safetensors',
};

/** What to look for when a part has to be downloaded. */
export function usualFile(part: ModelPart, family: string | null): string | undefined {
  return part === 'vae' ? usualVaes[family ?? ''] : usualEncoders[part];
}
