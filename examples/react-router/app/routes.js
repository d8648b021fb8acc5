import { index, route } from '@react-router/dev/routes'

export default [
  index('routes/home.jsx'),
  route('login', 'routes/login.jsx'),
  route('logout', 'routes/logout.js'),
  route('devices', 'routes/devices.jsx'),
]
