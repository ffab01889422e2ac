import type { Component, WeightView } from '@atelier/sdk';

/** Names and shapes of a network. */
export function viewOf({ tensors }: Component): WeightView {
  return {
    has: (name) => tensors.has(name),
    shape: (name) => tensors.get(name)?.shape,
    count(nameOf) {
      let index = 0;
      while (tensors.has(nameOf(index))) index++;
      return index;
    },
    some: (pattern) => [...tensors.keys()].some((name) => pattern.test(name)),
  };
}
