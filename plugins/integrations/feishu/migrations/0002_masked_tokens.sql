-- Events were kept with the verification token in them.
UPDATE feishu_inbound
SET raw_payload = json_replace(raw_payload, '$.token', '****', '$.header.token', '****')
WHERE CASE WHEN json_valid(raw_payload) THEN json_type(raw_payload) = 'object' ELSE 0 END;
