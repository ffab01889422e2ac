// "a __animal__ in the rain" picks a line of data/extensions/prompt-wildcards/animal.txt
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { AppError, defineExtension } from '@atelier/sdk';

class WildcardNotFound extends AppError {
  readonly code = 'wildcard-not-found';
  override readonly kind = 'not-found';
  constructor(name: string, folder: string, cause: unknown) {
    super(`No wildcard file is called "${name}".`, `Put ${name}.txt in ${folder}, one choice a line.`, { cause });
  }
}

class WildcardEmpty extends AppError {
  readonly code = 'wildcard-empty';
  constructor(name: string, folder: string) {
    super(`The wildcard file "${name}" has no choices.`, `Write some into ${path.join(folder, `${name}.txt`)}, one a line.`);
  }
}

export default defineExtension({
  activate({ hooks, dataFolder }) {
    async function choices(name: string): Promise<string[]> {
      const text = await readFile(path.join(dataFolder, `${name}.txt`), 'utf8').catch((cause) => {
        throw new WildcardNotFound(name, dataFolder, cause);
      });
      const lines = text.split('\n').map((line) => line.trim());
      const filled = lines.filter((line) => line !== '' && !line.startsWith('#')); // "#" begins a remark
      if (filled.length === 0) throw new WildcardEmpty(name, dataFolder);
      return filled;
    }

    async function expand(text: string, random: () => number): Promise<string> {
      let out = '';
      for (const [index, part] of text.split(/__([\w-]+?)__/).entries()) {
        if (index % 2 === 0) {
          out += part;
          continue;
        }
        const lines = await choices(part);
        out += lines[Math.floor(random() * lines.length)];
      }
      return out;
    }

    hooks.transformPrompt.tap(
      async (prompt, { random }) => ({
        positive: await expand(prompt.positive, random),
        negative: await expand(prompt.negative, random),
      }),
      { stage: 'early' },
    );
  },
});
