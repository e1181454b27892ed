using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using DurableGateway.Runs;

namespace DurableGateway.Storage;

[JsonSerializable(typeof(RunPolicy))]
[JsonSerializable(typeof(JsonObject))]
[JsonSourceGenerationOptions(UseStringEnumConverter = true, RespectNullableAnnotations = true, IgnoreReadOnlyProperties = true)]
internal sealed partial class PolicyJson : JsonSerializerContext;
