import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import path from 'node:path';
import { AppError } from '@atelier/sdk';
import { Settings, type SettingsPatch } from '@atelier/sdk/contracts';

/** `settings.json` is there and cannot be used. It is not replaced by defaults: that would throw a person's choices away. */
export class SettingsFileInvalid extends AppError {
  readonly code = 'settings-file-invalid';
  constructor(file: string, why: string, cause: unknown) {
    super(`The settings in ${file} cannot be read: ${why}`, 'Correct the file, or move it away to begin with the defaults.', { cause });
  }
}

/** What is remembered between starts, in `data/settings.json`. The file is small, so it is read and written in one go. */
export class SettingsStore {
  private settings: Settings;
  private readonly listeners = new Set<(settings: Settings) => void>();

  constructor(private readonly file: string) {
    this.settings = existsSync(file) ? readSettings(file) : Settings.parse({});
  }

  get current(): Settings {
    return this.settings;
  }

  /** Changes the named settings. Sections of extensions that the patch does not name stay as they are. */
  change(patch: SettingsPatch): Settings {
    const extensions = { ...this.settings.extensions, ...patch.extensions };
    const changed = Settings.parse({ ...this.settings, ...patch, extensions });
    writeDurably(this.file, `${JSON.stringify(changed, null, 2)}\n`);
    this.settings = changed;
    for (const listener of this.listeners) listener(changed);
    return changed;
  }

  onChange(listener: (settings: Settings) => void): void {
    this.listeners.add(listener);
  }
}

function readSettings(file: string): Settings {
  try {
    return Settings.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (cause) {
    throw new SettingsFileInvalid(file, cause instanceof Error ? cause.message : String(cause), cause);
  }
}

/** The file holds the old text or the new one, whatever happens in between. */
function writeDurably(file: string, text: string): void {
  const temporary = `${file}.partial`;
  mkdirSync(path.dirname(file), { recursive: true });
  const descriptor = openSync(temporary, 'w');
  try {
    writeSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(temporary, file);
}
