const OF_DRIVERS = [
  ...['host', 'hosts', 'port', 'socket', 'socketPath', 'uri', 'connectionString', 'ssl', 'tls'],
  ...['user', 'username', 'password', 'database', 'db'],
]

/** What to write instead of options of a driver, which people copy from where they have opened a connection. */
export const driverAdvice = (client: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    OF_DRIVERS.map((name) => [name, `That is for the driver: write a URL, or pass client: ${client}.`]),
  )
