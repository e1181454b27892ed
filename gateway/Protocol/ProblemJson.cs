using System.Text.Json.Serialization;

namespace DurableGateway.Protocol;

[JsonSerializable(typeof(Problem))]
[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
internal sealed partial class ProblemJson : JsonSerializerContext;
