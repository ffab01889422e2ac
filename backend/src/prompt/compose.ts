import { SPACE, WORD } from './character-classes.js';

/** One of the prompts that are joined by AND, and how much it counts. */
export interface PromptPart {
  text: string;
  weight: number;
}

const joint = new RegExp(`(?<![${WORD}])AND(?![${WORD}])`, 'u');
const weight = new RegExp(`^[${SPACE}]*([-+]?(?:\\d+\\.?|\\d*\\.\\d+))[${SPACE}]*$`);
const trailingSpace = new RegExp(`(?<![${SPACE}])[${SPACE}]+$`);

/** Splits a prompt at AND, the word: `a cat AND a dog :0.5` are two prompts, which guide the picture together (Liu et al. 2022). */
export function composePrompt(prompt: string): PromptPart[] {
  return prompt.split(joint).map((part) => {
    const colon = part.lastIndexOf(':');
    const written = colon === -1 ? undefined : weight.exec(part.slice(colon + 1))?.[1];
    const text = written === undefined ? part : part.slice(0, colon);
    return { text: text.replace(trailingSpace, ''), weight: written === undefined ? 1 : Number(written) };
  });
}
