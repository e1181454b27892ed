using System.Text.Json;
using System.Text.Json.Serialization;

namespace DurableGateway.Http;

[JsonSerializable(typeof(WokenJson))]
[JsonSerializable(typeof(RunStateJson))]
[JsonSerializable(typeof(IEnumerable<StepJson>))]
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
internal sealed partial class WireJson : JsonSerializerContext;
