/** A version of the program that wrote a picture, as Python orders them: 1.8.0rc0 < 1.8.0 < 1.8.0.post139. */
export interface ProgramVersion {
  readonly release: readonly number[];
  readonly pre: readonly [stage: 'a' | 'b' | 'rc', number: number] | null;
  readonly post: number | null;
}

const stages: Readonly<Record<string, 'a' | 'b' | 'rc'>> = {
  a: 'a',
  alpha: 'a',
  b: 'b',
  beta: 'b',
  c: 'rc',
  rc: 'rc',
  pre: 'rc',
  preview: 'rc',
};

/** `v1.7.0-225`, `1.8.0-RC`: the part of PEP 440 in which A1111 has ever named itself. */
const pattern =
  /^v?(?<release>\d+(?:\.\d+)*)(?:[-_.]?(?<stage>alpha|a|beta|b|preview|pre|c|rc)[-_.]?(?<number>\d*))?(?:-(?<build>\d+)|[-_.]?(?:post|rev|r)[-_.]?(?<post>\d*))?$/;

/** What `Version` says; null for the names of other programs, which cannot be compared. A commit at the end (`-2-g4afaaf8a`) is left off. */
export function parseVersion(text: string): ProgramVersion | null {
  const named = /^([^-]+-[^-]+)-/.exec(text)?.[1] ?? text;
  const groups = pattern.exec(named.trim().toLowerCase())?.groups;
  if (!groups) return null;
  const post = groups.build ?? groups.post;
  return {
    release: groups.release.split('.').map(Number),
    pre: groups.stage === undefined ? null : [stages[groups.stage], Number(groups.number)],
    post: post === undefined ? null : Number(post),
  };
}

/** As Python prints it: 1.7.0.post225. */
export function versionText({ release, pre, post }: ProgramVersion): string {
  return release.join('.') + (pre ? pre.join('') : '') + (post === null ? '' : `.post${post}`);
}

/** Whether the first came out before the second. */
export function isBefore(one: ProgramVersion, other: ProgramVersion): boolean {
  const [a, b] = [orderOf(one), orderOf(other)];
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    if ((a[i] ?? 0) !== (b[i] ?? 0)) return (a[i] ?? 0) < (b[i] ?? 0);
  }
  return false;
}

/** Numbers to compare one after another. A release has at most six. */
function orderOf({ release, pre, post }: ProgramVersion): number[] {
  const padded = Array.from({ length: 6 }, (_, i) => release[i] ?? 0);
  return [...padded, pre ? ['a', 'b', 'rc'].indexOf(pre[0]) : 3, pre?.[1] ?? 0, post ?? -1];
}
