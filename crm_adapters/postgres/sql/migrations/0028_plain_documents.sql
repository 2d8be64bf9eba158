-- Documents without compression. To compress one of 168 kB, a record with a thousand tasks, took 1.2 ms, half of what such
-- a record costs PostgreSQL at a write. Those of up to 2 kB never were; larger ones take three times the room from their
-- next write on. LZ4 would be as quick and as small as before, but not every server has it, and a dump of a server that
-- does cannot be restored on one that does not.
alter table attribute alter column document set storage external;
alter table webhook alter column document set storage external;
alter table client alter column document set storage external;
alter table cohort alter column document set storage external;
alter table service alter column document set storage external;
alter table pipeline alter column document set storage external;
alter table lead alter column document set storage external;
alter table follow_up alter column document set storage external;
alter table enrollment alter column document set storage external;
alter table enrollment_detail alter column document set storage external;
alter table transfer_request alter column document set storage external;

-- Kept for a day, as the bodies of deliveries are.
alter table receipt alter column body set storage external;
