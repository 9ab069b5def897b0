// The user's own editor on a file, at the terminal of this process.
import { spawn } from "node:child_process";

/** Opens a file in an editor, given as a command line such as `code --wait`. Resolves to its exit code; rejects when it can't be started. */
export function openEditor(command: string, file: string, env: Readonly<Record<string, string | undefined>>): Promise<number> {
  return new Promise((resolve, reject) => {
    // The shell splits the user's own words; the file's name is handed over as it is.
    const editor = spawn("/bin/sh", ["-c", `${command} "$1"`, "sh", file], { stdio: "inherit", env: { ...env } });
    editor.once("error", reject);
    editor.once("exit", (code) => resolve(code ?? 1));
  });
}
