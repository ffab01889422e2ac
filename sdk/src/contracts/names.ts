/** Something that people call by its id, its label or another name. */
export interface Named {
  id: string;
  label: string;
  aliases: readonly string[];
}

/** The thing of which that is the id, the label or an alias: exactly, never the nearest. */
export function findByName<T extends Named>(things: readonly T[], name: string): T | undefined {
  return things.find(({ id, label, aliases }) => id === name || label === name || aliases.includes(name));
}
