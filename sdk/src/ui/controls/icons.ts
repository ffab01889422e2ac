/** Line drawings on a 24 × 24 grid, by name. Extensions name them in their manifests. */
export const icons = {
  'arrow-up': 'M12 19V5m-6 6 6-6 6 6',
  check: 'm5 12.5 4.5 4.5L19 7.5',
  chevron: 'm7 10 5 5 5-5',
  close: 'm6 6 12 12M18 6 6 18',
  copy: 'M9 9h10v10H9zM5 15V5h10',
  dice: 'M7 4h10a3 3 0 0 1 3 3v10a3 3 0 0 1-3 3H7a3 3 0 0 1-3-3V7a3 3 0 0 1 3-3zM9 9h.01M15 15h.01M15 9h.01M9 15h.01M12 12h.01',
  download: 'M12 4v11m-4-4 4 4 4-4M5 19h14',
  error: 'M12 3 2.5 20h19zM12 10v4M12 17h.01',
  gallery: 'M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z',
  history: 'M4 12a8 8 0 1 0 2.4-5.7L4 8.5M4 4v4.5h4.5M12 8v4.5l3 1.8',
  info: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 11v5M12 8h.01',
  keyboard: 'M3 7h18v10H3zM7 11h.01M11 11h.01M15 11h.01M8 14h8',
  layers: 'm12 4 9 4.5-9 4.5-9-4.5zM3 13l9 4.5 9-4.5',
  loop: 'M17 3l3 3-3 3M4 11V9a3 3 0 0 1 3-3h13M7 21l-3-3 3-3M20 13v2a3 3 0 0 1-3 3H4',
  more: 'M6 12h.01M12 12h.01M18 12h.01',
  paste: 'M18 6 7 17M7 8v9h9',
  picture: 'M5 5h14a1 1 0 0 1 1 1v12a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1V6a1 1 0 0 1 1-1zM4 16l5-5 6 6M15 9h.01',
  puzzle: 'M10 4a2 2 0 0 1 4 0v2h4v4h2a2 2 0 0 1 0 4h-2v5H6v-5H4a2 2 0 0 1 0-4h2V6h4z',
  queue: 'M5 7h14M5 12h14M5 17h9',
  refresh: 'M20 12a8 8 0 1 1-2.4-5.7L20 8.5M20 4v4.5h-4.5',
  reuse: 'M4 12a8 8 0 1 0 3-6.2M4 4v5h5',
  settings: 'M4 7h9M17 7h3M4 17h3M11 17h9M15 4.5v5M9 14.5v5',
  skip: 'M6 6l8 6-8 6zM18 6v12',
  stop: 'M8 6h8a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2H8a2 2 0 0 1-2-2V8a2 2 0 0 1 2-2z',
  swap: 'M8 4v16l-4-4M16 20V4l4 4',
  text: 'M5 6h14M12 6v13M9 19h6',
  wand: 'm5 19 10-10M15 5v2M19 9h2M18 4l-1 1M12 4h.01',
} as const;

export type IconName = keyof typeof icons;

/** The drawing of that name; a name that is not in the kit (an extension may know a newer one) is drawn as a piece of a puzzle. */
export function drawingOf(name: string): string {
  return name in icons ? icons[name as IconName] : icons.puzzle;
}
