// Which runtime serves which actor system.
//
// The one module-level object of this folder: an effect is started by XState inside any tree, with nothing but its
// actor system at hand, so the way from system to runtime must be reachable from the module. The WeakMap is keyed by
// the system, so trees can't see each other's runtime and vanish with it.
//
// Attached trees are bound by the inspector that `attach` passes (public API) at the tree's first event. The other way,
// a WeakMap keyed by the clock, would read `system._clock`. An idle inspector measured about 0.4 µs a send and up to
// 2 µs an invoke, of the 8 to 13 µs that XState itself takes for one, and it also brings the root; so no underscore.
import type { AnyActorRef } from "xstate";
import type { EffectHost } from "./runtime-port.ts";

type System = AnyActorRef["system"];

interface Registry {
  bind(system: System, host: EffectHost): void;
  get(system: System): EffectHost | undefined;
  /** The bound runtime, or the one that `create` makes, bound from then on. */
  find(system: System, create: () => EffectHost): EffectHost;
}

/** From actor system to runtime. */
export const registry: Registry = createRegistry();

function createRegistry(): Registry {
  const hosts = new WeakMap<System, EffectHost>();
  return {
    bind(system, host) {
      hosts.set(system, host);
    },
    get: (system) => hosts.get(system),
    find(system, create) {
      const known = hosts.get(system);
      if (known) return known;
      const created = create();
      hosts.set(system, created);
      return created;
    },
  };
}
