/** A style: what it adds to both prompts, or, where it has `{prompt}`, puts around them. */
export interface StyleTexts {
  readonly name: string;
  readonly prompt: string;
  readonly negativePrompt: string;
}

/** Two prompts from which styles were taken, and their names in the order in which they were put in. */
export interface WithoutStyles {
  readonly names: readonly string[];
  readonly prompt: string;
  readonly negativePrompt: string;
}

/** Takes out every style that both prompts show, the outermost first, each once. */
export function extractStyles(prompt: string, negativePrompt: string, styles: readonly StyleTexts[]): WithoutStyles {
  let rest = { prompt, negativePrompt };
  const names: string[] = [];
  const left = styles.filter((style) => style.prompt !== '' || style.negativePrompt !== '');
  for (;;) {
    const found = left.findIndex((style) => withoutStyle(rest, style) !== undefined);
    if (found < 0) return { names, ...rest };
    const [style] = left.splice(found, 1);
    rest = withoutStyle(rest, style) ?? rest;
    names.unshift(style.name);
  }
}

type Prompts = Pick<WithoutStyles, 'prompt' | 'negativePrompt'>;

function withoutStyle(prompts: Prompts, style: StyleTexts): Prompts | undefined {
  const prompt = withoutText(prompts.prompt, style.prompt);
  const negativePrompt = withoutText(prompts.negativePrompt, style.negativePrompt);
  return prompt === undefined || negativePrompt === undefined ? undefined : { prompt, negativePrompt };
}

/** What was there before the style's text came; undefined when it is not to be seen. Spaces are not counted. */
function withoutText(prompt: string, style: string): string | undefined {
  const text = withSingleSpaces(prompt);
  const [before, ...after] = withSingleSpaces(style).split('{prompt}');
  if (after.length > 0) {
    const behind = after.join('{prompt}');
    if (!text.startsWith(before) || !text.endsWith(behind)) return undefined;
    return text.slice(before.length, Math.max(before.length, text.length - behind.length));
  }
  if (!text.endsWith(before)) return undefined;
  const rest = text.slice(0, text.length - before.length);
  return rest.endsWith(', ') ? rest.slice(0, -2) : rest;
}

function withSingleSpaces(text: string): string {
  return text.trim().replaceAll(/ {2,}/g, ' ');
}
