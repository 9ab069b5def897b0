// A model call as an effect. Deltas go to watchers by the side; only the outcome enters the machine.
import { filter, firstValueFrom, map, tap } from "rxjs";
import { failure } from "../core/failure.ts";
import { effect } from "../host/effect.ts";
import { laneOf } from "../model/governor.ts";
import type { Governor } from "../model/governor.ts";
import type { ModelPort } from "../model/port.ts";
import type { TurnDelta, TurnOutcome } from "../protocol/turn.ts";
import { bounded } from "./bounded.ts";
import type { ModelTurnInput, ModelTurnOutput, RunActors } from "./contract.ts";
import { lostTurn } from "./lost-turn.ts";

/** What a model turn needs. */
export interface ModelTurnPorts {
  readonly model: ModelPort;
  readonly governor: Governor;
  /** Told of pieces of running answers; must not throw. */
  readonly onDelta?: (delta: TurnDelta) => void;
}

/** The `modelTurn` effect, held while the run is. One that was lost in a crash ends as TurnLost: it is never sent again unasked. The port itself teaches the governor. */
export function modelTurn({ model, governor, onDelta }: ModelTurnPorts): RunActors["modelTurn"] {
  const laneOfInput = ({ request }: ModelTurnInput): string => laneOf(request.parameters.choice);
  return effect<ModelTurnInput, ModelTurnOutput>(
    "modelTurn",
    { class: "idempotent", gated: true, admission: { enter: (input, place) => governor.enter(laneOfInput(input), place) } },
    async (input, context) => {
      const { signal, lost } = context;
      if (lost > 0) return lostTurn(lost);
      const answer = firstValueFrom(
        model.turn(input.request, { signal }).pipe(
          tap((event) => event.kind === "delta" && onDelta?.(event.delta)),
          filter((event) => event.kind === "outcome"),
          map((event) => event.outcome),
        ),
        { defaultValue: NOTHING },
      );
      return { outcome: await bounded(context, answer, () => NOTHING), lost };
    },
  );
}

const NOTHING: TurnOutcome = {
  kind: "failed",
  failure: failure("Cancelled", "The turn was stopped before it had an outcome."),
  usage: null,
  usd: null,
  requestId: null,
};
