// How verify.mjs is called.
export const USAGE = `usage: node verify.mjs BUNDLE [KEY [WITNESS]] [--policy FILE]
       node verify.mjs receipt FILE [KEY] [--policy FILE] [--envelope FILE]
KEY is the log's public key, as the argument or after --key. The answer is JSON; the exit status is 0 if it verified.`;
