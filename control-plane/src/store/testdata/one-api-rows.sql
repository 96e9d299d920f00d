INSERT INTO channels (id, type, "key", status, name, base_url, models, "group", model_mapping, priority, config)
VALUES (1, 1, 'sk-channel-canary', 1, 'main', 'http://provider.example', 'gpt-x,gpt-y', 'default,vip', '{"gpt-y": "gpt-y-2"}', 0, NULL),
       (2, 33, '', 2, 'aws', NULL, 'claude-x', 'vip', '', 5, '{"region":"us-east-1","ak":"AK","sk":"sk-canary"}'),
       (3, 34, 'coze', 1, 'coze', '', 'coze', 'default', '', 0, '');
INSERT INTO users (id, username, password, role, status, quota, "group")
VALUES (1, 'root', '$2a$10$not-a-hash', 100, 1, 5000000, 'default'),
       (2, 'anna', '$2a$10$not-a-hash', 1, 1, 250000, 'vip'),
       (3, 'gone', '$2a$10$not-a-hash', 1, 3, 1, 'default');
INSERT INTO tokens (id, user_id, "key", status, name, expired_time, remain_quota, unlimited_quota, models, subnet)
VALUES (1, 2, 'Kq3cPyu8vbQnAbCdEfGhIjKlMnOpQrStUvWxYz0123456789', 1, 'app', -1, 500000, false, NULL, ''),
       (2, 2, 'Zz3cPyu8vbQnAbCdEfGhIjKlMnOpQrStUvWxYz0123456789', 1, 'app', -1, 0, true, 'gpt-x', '127.0.0.0/8'),
       (3, 1, '0123456789abcdef0123456789abcdef', 2, 'old', 1700000000, 7, false, '', NULL);
INSERT INTO options ("key", value)
VALUES ('ModelRatio', '{"gpt-x": 1.25, "gpt-y": 0.5}'), ('CompletionRatio', '{"gpt-x": 4, "gpt-y": 2}'),
       ('GroupRatio', '{"default": 1, "vip": 0.5}');
INSERT INTO redemptions (id, "key", status, quota) VALUES (1, 'a', 1, 100), (2, 'b', 3, 100);
