/** What the application, or its rules, ask of the engine apart from security. */
export const NEEDS = {
  devices: { title: "list a user's sessions (a page of devices), and end one of them", short: 'a list of devices' },
  'revoke-all': { title: 'end all sessions of a user ("log out everywhere")', short: '"log out everywhere"' },
  merge: { title: 'keep the changes of requests that run at the same time', short: 'no lost updates' },
  'operators-read': {
    title: 'operators must be able to read the data of sessions, with the secrets',
    short: 'sessions that operators can read',
  },
  'nothing-on-disk': { title: 'nothing about sessions is written to a disk', short: 'nothing on a disk' },
  'no-data-on-server': {
    title: 'no data of sessions is stored on the server; hashes may be',
    short: 'no data on the server',
  },
  'nothing-stored': { title: 'nothing at all is stored on the server', short: 'nothing stored on the server' },
  'no-database': { title: 'no database, not even SQLite: files that cp and rsync understand', short: 'no database' },
  'readable-cookie': {
    title: "developers read the session in the browser's tools",
    short: 'a cookie that can be read',
  },
} as const satisfies Record<string, { readonly title: string; readonly short: string }>
export type Need = keyof typeof NEEDS
