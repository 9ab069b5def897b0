// `quatrain doctor`: is everything there that a run needs?
import { mkdtempSync, rmdirSync, existsSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { messageOf } from "../../core/errors.ts";
import { cleanEnvironment } from "../../process/environment.ts";
import { runProcess } from "../../process/run-process.ts";
import { EXIT } from "../exit-code.ts";
import type { Io } from "../io.ts";
import { Printer } from "../printer.ts";
import { placeOf } from "../settings.ts";
import type { PlaceFlags } from "../settings.ts";
import { safe } from "../words.ts";

/** One thing that was looked at. */
export interface Finding {
  readonly name: "node" | "key" | "endpoint" | "git" | "sandbox" | "state";
  /** `missing`: a run will not work; `note`: it will, with something less. */
  readonly state: "ok" | "note" | "missing";
  readonly text: string;
}

/** Flags of `doctor`. */
export interface DoctorFlags extends PlaceFlags {
  readonly json?: boolean;
  readonly baseUrl?: string;
}

/** How long the endpoint may take to answer. */
const ENDPOINT_MS = 5_000;

/** Looks at everything. Exit code 0 when a run would work, 5 without a good key, else 1. Never shows a key. */
export async function doctorCommand(flags: DoctorFlags, io: Io): Promise<number> {
  const place = placeOf(flags, io);
  const findings: readonly Finding[] = [
    nodeFinding(),
    ...(await endpointFindings(flags, io)),
    await gitFinding(),
    sandboxFinding(),
    stateFinding(place.store),
  ];
  const printer = new Printer(io);
  if (flags.json === true) {
    const details = {
      node: process.versions.node,
      path: process.execPath,
      platform: `${process.platform}-${process.arch}`,
      state: place.store,
    };
    printer.line(
      JSON.stringify({ type: "doctor", ok: findings.every(({ state }) => state !== "missing"), ...details, findings }),
    );
  } else for (const { name, state, text } of findings) printer.line(`${MARKS[state]} ${name.padEnd(8)}  ${text}`);
  await printer.close();
  const missing = findings.filter(({ state }) => state === "missing");
  return missing.length === 0 ? EXIT.done : missing.every(({ name }) => name === "key") ? EXIT.key : EXIT.failed;
}

function nodeFinding(): Finding {
  return { name: "node", state: "ok", text: `${process.versions.node} (${process.execPath})` };
}

async function endpointFindings({ baseUrl }: DoctorFlags, { environment }: Io): Promise<readonly Finding[]> {
  const own = baseUrl !== undefined;
  const address = baseUrl ?? (environment["ANTHROPIC_BASE_URL"]?.trim() || "https://api.anthropic.com");
  const key = own ? environment["QUATRAIN_API_KEY"] : environment["ANTHROPIC_API_KEY"]?.trim();
  const token = own ? undefined : environment["ANTHROPIC_AUTH_TOKEN"]?.trim();
  const present = Boolean(key || token);
  const answer = await ask(address, key ? { "x-api-key": key } : token ? { authorization: `Bearer ${token}` } : {});
  const name = key ? (own ? "QUATRAIN_API_KEY" : "ANTHROPIC_API_KEY") : "ANTHROPIC_AUTH_TOKEN";
  const refused = present && (answer.status === 401 || answer.status === 403);
  const keyFinding: Finding = refused
    ? { name: "key", state: "missing", text: `${name} is set, but ${answer.host} refuses it (${answer.status})` }
    : present
      ? { name: "key", state: "ok", text: `${name} is set${answer.status === 200 ? " and accepted" : ""}` }
      : own
        ? { name: "key", state: "note", text: "QUATRAIN_API_KEY is not set; endpoints of one's own often want none" }
        : { name: "key", state: "missing", text: "ANTHROPIC_API_KEY is not set; quatrain demo works without" };
  return [keyFinding, answer.finding];
}

interface Asked {
  readonly status: number | null;
  readonly host: string;
  readonly finding: Finding;
}

async function ask(address: string, headers: Readonly<Record<string, string>>): Promise<Asked> {
  const host = URL.canParse(address) ? new URL(address).host : "an unreadable address";
  const found = (state: Finding["state"], text: string): Finding => ({ name: "endpoint", state, text });
  try {
    const url = `${address.replace(/\/+$/, "")}/v1/models?limit=1`;
    const response = await fetch(url, {
      headers: { ...headers, "anthropic-version": "2023-06-01" },
      redirect: "manual",
      signal: AbortSignal.timeout(ENDPOINT_MS),
    });
    await response.body?.cancel();
    const { status } = response;
    const isPage = (response.headers.get("content-type") ?? "").includes("text/html");
    if (isPage)
      return {
        status,
        host,
        finding: found(
          "missing",
          `${host} answers with a web page (${status}): check the address, and whether a proxy or login page is in between`,
        ),
      };
    if (status >= 500) return { status, host, finding: found("missing", `${host} fails with ${status}`) };
    return { status, host, finding: found("ok", `${host} answers${status === 200 || status === 401 ? "" : ` (${status})`}`) };
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? messageOf(error.cause) : messageOf(error);
    return { status: null, host, finding: found("missing", `${host} can't be reached: ${safe(cause)}`) };
  }
}

async function gitFinding(): Promise<Finding> {
  const env = cleanEnvironment({ home: tmpdir(), runId: "doctor" });
  const { exitCode, stdout } = await runProcess(
    { argv: ["git", "--version"] },
    { cwd: tmpdir(), env, timeoutMs: ENDPOINT_MS, signal: new AbortController().signal },
  );
  if (exitCode === 0) return { name: "git", state: "ok", text: safe(stdout.text).replace(/^git version /, "") };
  return { name: "git", state: "note", text: "not found; runs work without it" };
}

function sandboxFinding(): Finding {
  return {
    name: "sandbox",
    state: "note",
    text: "none yet: commands of workers (--allow-bash) run with your rights, in a copy of the workspace",
  };
}

function stateFinding(store: string): Finding {
  const folder = nearestExisting(store);
  try {
    rmdirSync(mkdtempSync(path.join(folder, ".quatrain-doctor-")));
    return { name: "state", state: "ok", text: `${store} can be written` };
  } catch (error) {
    return {
      name: "state",
      state: "missing",
      text: `${store} can't be written (${messageOf(error)}); name another with --state-dir`,
    };
  }
}

function nearestExisting(folder: string): string {
  return existsSync(folder) || path.dirname(folder) === folder ? folder : nearestExisting(path.dirname(folder));
}

const MARKS: Readonly<Record<Finding["state"], string>> = { ok: "✓", note: "–", missing: "✗" };
