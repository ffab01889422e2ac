import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { ExtensionManifest, type LoadableExtension } from '@atelier/sdk';
import { issuesOf, ManifestInvalid, SdkTooDifferent } from './errors.js';

const MAX_MANIFEST_BYTES = 64 * 1024;

/** Version of the sdk that stands beside this backend. */
const sdkVersion = (JSON.parse(await readFile(new URL('../../../sdk/package.json', import.meta.url), 'utf8')) as { version: string })
  .version;

/** The loader of our own format: answers for folders with an `extension.json`. */
export async function loadNative(folder: string): Promise<LoadableExtension | undefined> {
  const file = path.join(folder, 'extension.json');
  const found = await stat(file).catch(() => null); // no manifest: not ours
  if (!found) return undefined;
  if (!found.isFile()) throw new ManifestInvalid(file, 'it is not a file');
  if (found.size > MAX_MANIFEST_BYTES) throw new ManifestInvalid(file, `it has more than ${MAX_MANIFEST_BYTES / 1024} KiB`);
  const text = await readFile(file, 'utf8');
  try {
    return { loader: 'native', folder, manifest: JSON.parse(text) };
  } catch (cause) {
    throw new ManifestInvalid(file, `it is not JSON (${(cause as Error).message})`, { cause });
  }
}

/**
 * The manifest of a loadable folder, checked by itself.
 *
 * @param name of the folder among the extensions, which a native extension has as its id.
 * @throws ManifestInvalid, SdkTooDifferent
 */
export async function checkManifest({ folder, manifest, loader }: LoadableExtension, name: string): Promise<ExtensionManifest> {
  const file = path.join(folder, 'extension.json');
  const parsed = ExtensionManifest.safeParse(manifest);
  if (!parsed.success) throw new ManifestInvalid(file, issuesOf(parsed.error));
  const checked = parsed.data;
  if (loader === 'native' && checked.id !== name)
    throw new ManifestInvalid(file, `its id is "${checked.id}", but its folder is called "${name}"`);
  if (!satisfies(sdkVersion, checked.sdk)) throw new SdkTooDifferent(checked.id, checked.sdk, sdkVersion);
  if (checked.contributes.tabs.length > 0 && !checked.ui)
    throw new ManifestInvalid(file, 'it contributes tabs, but names no "ui" to fill them');
  for (const part of ['server', 'ui', 'localization'] as const) {
    const named = checked[part];
    if (named === undefined) continue;
    const there = await stat(path.join(folder, named)).catch(() => null);
    const fits = part === 'localization' ? there?.isDirectory() : there?.isFile();
    if (!fits) throw new ManifestInvalid(file, `"${part}" names ${named}, which is not there`);
  }
  return checked;
}

/** Whether a version is at least that of a caret range and does not break with it: `1.4.0` satisfies `^1.2.3`; below 1, minors break. */
export function satisfies(version: string, range: string): boolean {
  const [major, minor, patch] = version.split('.').map(Number);
  const [wantedMajor, wantedMinor, wantedPatch] = range.slice(1).split('.').map(Number);
  if (major !== wantedMajor) return false;
  if (major === 0 && minor !== wantedMinor) return false;
  return minor > wantedMinor || (minor === wantedMinor && patch >= wantedPatch);
}
