import { fillPattern, type PictureFacts } from './name-pattern.js';

/** How people want their files to be called, by A1111's settings. */
export interface Naming {
  /** `samples_filename_pattern`; empty for the seed, with the prompt where there are no folders. */
  readonly fileName: string;
  /** `save_to_dirs` */
  readonly inFolders: boolean;
  /** `directories_filename_pattern` */
  readonly folder: string;
}

/** Where the picture goes and what its name tells of it: `2026-11-25/7`. It ends in a slash when it tells nothing. */
export function pictureName(facts: PictureFacts, { fileName, inFolders, folder }: Naming): string {
  const usual = inFolders ? '[seed]' : '[seed]-[prompt_spaces]';
  const parts = fillPattern(fileName || usual, facts).split(/[/\\]/);
  const folders = inFolders ? fillPattern(folder || '[prompt_words]', facts).split(/[/\\]/) : [];
  const below = [...folders, ...parts.slice(0, -1)]
    .map((part) => part.replace(/^ +/, '').replace(/[ .]+$/, ''))
    .filter((part) => part !== '');
  const title = shortened(parts.at(-1) ?? '').replace(/^\.+$/, '');
  return [...below, title].join('/');
}

/** File systems take 255 bytes; a number and an ending come to it. */
const MOST_BYTES = 220;

function shortened(name: string): string {
  let letters = [...name];
  while (Buffer.byteLength(letters.join('')) > MOST_BYTES) letters = letters.slice(0, -1);
  return letters.join('');
}
