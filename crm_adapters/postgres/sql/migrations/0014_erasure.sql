-- How what is kept of an erased record is found (crm_core/engine/erasures.py).

-- The records that ever belonged to another. Few fields say to whom, so other events cost nothing.
create index event_service on event ((changes -> 'service' ->> 'to')) where resource = 'follow_up';
create index event_student on event ((changes -> 'student' ->> 'to'))
    where resource in ('enrollment_detail', 'transfer_request');
create index event_enrollment on event ((changes -> 'enrollment' ->> 'to')) where resource = 'enrollment_detail';

-- What is kept of a request or delivery about a record.
create index delivery_record on delivery (record);
create index receipt_record on receipt (record);
