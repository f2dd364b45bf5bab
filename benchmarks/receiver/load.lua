-- For wrk: posts judgements, each of another lead. Arguments: the path, and a word that no other run has.
local path, run, number = nil, nil, 0

function init(arguments)
  path, run = arguments[1], arguments[2]
end

function request()
  number = number + 1
  local body = string.format([[{"phone_number": "+911234567890", "lead_id": "%s-%d",
    "latest_recording_url": "https://www.squadstack.com/", "campaign_id": "0PT711",
    "latest_called_at": "2018-12-03T14:36:38+00:00", "lead_outcome": "Connected : Objective Met",
    "processed_at": "2018-12-03T14:37:54+00:00", "contact_name": "John Doe", "created_at": "2018-12-03T14:36:01+00:00",
    "lead_responses": {"response_key_1": "response_value_1", "response_key_2": "response_value_2"}}]], run, number)
  return wrk.format("POST", path, {["Content-Type"] = "application/json"}, body)
end
