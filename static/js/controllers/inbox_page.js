import { $ } from "../helpers/dom.js";
import { Inbox } from "../models/inbox.js";
import { NotificationList } from "./notification_list.js";

new NotificationList({ root: $(".inbox"), inbox: Inbox.shared }).show();
