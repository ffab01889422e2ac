import path from 'node:path';
import { AppError, fail, ReportedError } from '@atelier/sdk';
import type { Catalogue, TextEncoderEntry, Txt2ImgRequest, VaeEntry } from '@atelier/sdk/contracts';

/** A VAE or module (Forge's word for the files that hold VAEs and text encoders) was asked for by a name that no file has. */
class ModuleNotFound extends AppError {
  readonly code = 'model-part-not-found';
  override readonly kind = 'not-found';
  constructor(what: 'VAE' | 'module', wanted: string, known: readonly string[]) {
    super(
      `No ${what} is called "${wanted}".`,
      `Known: ${known.join(', ') || 'none'}. POST /sdapi/v1/refresh-vae looks into the folders again.`,
    );
  }
}

/** Two VAEs were asked for at once. */
class TwoVaes extends AppError {
  readonly code = 'two-vaes';
  constructor(one: string, other: string) {
    super(`Both "${one}" and "${other}" are to be the VAE.`, 'Leave one of them out of sd_vae and forge_additional_modules.');
  }
}

/** A1111's words for our `auto` and `own`. */
const theirVae = { auto: 'Automatic', own: 'None' } as const;

/** As A1111 and Forge name such a file: by its path below its folder. A tiny autoencoder is in several. */
export function fileNameOf(entry: VaeEntry | TextEncoderEntry): string {
  return 'isTiny' in entry && entry.isTiny ? entry.name : entry.name + path.extname(entry.file);
}

/** Our name of the VAE that A1111 would know by this one. Exactly; nothing is guessed. */
export function vaeNamed({ vaes }: Pick<Catalogue, 'vaes'>, wanted: string): string {
  if (wanted === theirVae.auto) return 'auto';
  if (wanted === theirVae.own) return 'own';
  return entryNamed('VAE', wanted, vaes, [...Object.values(theirVae), ...vaes.map(fileNameOf)]).name;
}

/** The name under which A1111 knows this choice of a VAE. */
export function theirVaeName({ vaes }: Pick<Catalogue, 'vaes'>, vae: string): string {
  if (vae === 'auto' || vae === 'own') return theirVae[vae];
  const entry = vaes.find(({ name }) => name === vae);
  return entry ? fileNameOf(entry) : vae;
}

/** The VAE or text encoder that Forge would know by this name or path. */
export function moduleNamed({ vaes, textEncoders }: Catalogue, wanted: string): VaeEntry | TextEncoderEntry {
  const known = [...vaes, ...textEncoders];
  return entryNamed('module', wanted, known, known.map(fileNameOf));
}

/** A VAE, and what Forge's list of modules comes to beside it: text encoders, and a VAE when one is among them. */
export function partsOf(catalogue: Catalogue, vae: string, modules: readonly string[]): Pick<Txt2ImgRequest, 'vae' | 'textEncoders'> {
  const found = modules.map((module) => moduleNamed(catalogue, module));
  const vaes = new Set(found.filter((entry) => 'isTiny' in entry).map(({ name }) => name));
  if (vae !== 'auto') vaes.add(vae);
  const [chosen = 'auto', another] = vaes;
  if (another !== undefined) throw new TwoVaes(chosen, another);
  return { vae: chosen, textEncoders: found.filter((entry) => 'kinds' in entry).map(({ name }) => name) };
}

function entryNamed<Entry extends VaeEntry | TextEncoderEntry>(
  what: 'VAE' | 'module',
  wanted: string,
  entries: readonly Entry[],
  known: readonly string[],
): Entry {
  const named = entries.filter((entry) => [entry.name, fileNameOf(entry), entry.file, path.basename(entry.file)].includes(wanted));
  const [found] = named.length === 1 ? named : fail(new ModuleNotFound(what, wanted, known));
  if (found.problem) throw new ReportedError(found.problem);
  return found;
}
