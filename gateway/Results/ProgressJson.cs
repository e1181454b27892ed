using System.Text.Json;
using System.Text.Json.Serialization;

namespace DurableGateway.Results;

[JsonSerializable(typeof(ProgressData))]
[JsonSerializable(typeof(ResultData))]
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
internal sealed partial class ProgressJson : JsonSerializerContext;
