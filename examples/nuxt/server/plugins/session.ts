import { strongroom } from 'strongroom/h3'

export default defineNitroPlugin(strongroom(sessions))
