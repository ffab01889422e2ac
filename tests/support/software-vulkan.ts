import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { brotliDecompressSync } from 'node:zlib';

/** A graphics driver that computes on the CPU, as the environment of the process that is to use it; or why there is none. */
export type SoftwareVulkan = { environment: Record<string, string> } | { absentBecause: string };

const SYSTEM = 'linux-x64';
const TAR_BLOCK = 512;

/**
 * SwiftShader, the Vulkan driver inside Chromium, with its loader: both come with the npm package @sparticuz/chromium. They are unpacked
 * into the folder for temporary files once; nothing is downloaded or installed.
 */
export function softwareVulkan(): SoftwareVulkan {
  const system = `${process.platform}-${process.arch}`;
  if (system !== SYSTEM) return { absentBecause: `the packaged driver is for ${SYSTEM}, and this is ${system}` };
  const packageFolder = path.join(path.dirname(createRequire(import.meta.url).resolve('@sparticuz/chromium')), '..', '..');
  const archive = path.join(packageFolder, 'bin', 'swiftshader.tar.br');
  if (!existsSync(archive)) return { absentBecause: `${archive} is not there` };
  const { version } = JSON.parse(readFileSync(path.join(packageFolder, 'package.json'), 'utf8')) as { version: string };
  const folder = path.join(tmpdir(), `atelier-swiftshader-${version}`);
  if (!existsSync(folder)) unpack(archive, folder);
  const driver = path.join(folder, 'vk_swiftshader_icd.json');
  return { environment: { LD_LIBRARY_PATH: folder, VK_ICD_FILENAMES: driver, VK_DRIVER_FILES: driver, XDG_RUNTIME_DIR: folder } };
}

/** Unpacks plain files. The folder appears whole or not at all. */
function unpack(archive: string, folder: string): void {
  const unfinished = mkdtempSync(`${folder}-`);
  const tar = brotliDecompressSync(readFileSync(archive));
  for (let at = 0; tar[at] !== 0;) {
    const text = (from: number, to: number) => tar.toString('latin1', at + from, at + to).replace(/\0.*$/s, '');
    const size = Number.parseInt(text(124, 136), 8);
    const file = path.join(unfinished, path.basename(text(0, 100)));
    writeFileSync(file, tar.subarray(at + TAR_BLOCK, at + TAR_BLOCK + size), { mode: 0o755 });
    at += TAR_BLOCK * (1 + Math.ceil(size / TAR_BLOCK));
  }
  try {
    renameSync(unfinished, folder);
  } catch (error) {
    rmSync(unfinished, { recursive: true });
    if (!existsSync(folder)) throw error; // else another process was first
  }
}
